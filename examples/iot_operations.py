"""Connect to IoT Operations with a service account's token: ``python iot_operations.py HOST PORT CA_FILE``."""

import base64
import json
import sys
import tempfile
import time
from pathlib import Path

import azmqtt


def write_token(path: Path, number: int) -> None:
    """Replace the token file, as Kubernetes does."""
    parts = ({"alg": "RS256"}, {"aud": ["aio-internal"], "exp": int(time.time()) + 3600, "jti": number})
    header, claims = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    new = path.with_suffix(".new")
    new.write_text(f"{header}.{claims}.c2lnbmF0dXJl")
    new.replace(path)


def main(hostname: str = "aio-broker", port: str = "18883", ca_file: str | None = None) -> None:
    """Stay connected while the token's file is replaced."""
    with tempfile.TemporaryDirectory() as folder:
        # In a pod: /var/run/secrets/tokens/broker-sat, which the kubelet renews.
        path = Path(folder, "broker-sat")
        write_token(path, 1)
        with azmqtt.MqttClient(
            hostname,
            "line-1",
            port=int(port),
            trust=ca_file,
            authentication=azmqtt.ServiceAccountToken(path),
        ) as client:
            client.publish("factory/line-1", {"speed": 12})
            write_token(path, 2)
            deadline = time.monotonic() + 20
            while client.stats().tokens_renewed < 1 and time.monotonic() < deadline:
                client.publish("factory/line-1", {"speed": 12})
                time.sleep(0.1)
            stats = client.stats()
            print("tokens renewed:", stats.tokens_renewed, "connections lost:", stats.connections_lost)


if __name__ == "__main__":
    main(*sys.argv[1:])
