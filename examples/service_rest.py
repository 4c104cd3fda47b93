"""Use the service's REST API of a hub with the standard library alone."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from typing import Any

import azmqtt


class Service:
    """The REST API behind a service connection string."""

    def __init__(self, connection_string: str, ca_file: str | None = None) -> None:
        """Sign a token for an hour. ``ca_file`` is for a local hub; for IoT Hub the system's roots are enough."""
        parts = dict(part.split("=", 1) for part in connection_string.split(";"))
        self.host = parts["HostName"]
        policy = parts["SharedAccessKeyName"]
        self.token = azmqtt.sas.generate(self.host, parts["SharedAccessKey"], policy=policy)
        self.tls = ssl.create_default_context(cafile=ca_file)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """Send a request and return the JSON of the answer."""
        url = f"https://{self.host}{path}?api-version=2021-04-12"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, method=method)
        request.add_header("Authorization", self.token)
        request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        with urllib.request.urlopen(request, context=self.tls, timeout=60) as answer:  # noqa: S310 - https, as above
            text = answer.read()
        return json.loads(text) if text else None


def main() -> None:
    """Create a device, change its twin, call a method, and get an error."""
    with azmqtt.LocalHub() as hub:
        service = Service(hub.service_connection_string, hub.ca_file)
        made = service.ask("PUT", "/devices/pump", {"deviceId": "pump"})
        print("made", made["deviceId"], made["status"], "etag", made["etag"])

        with hub.device_client("pump") as pump:

            @pump.on_method("start")
            def start(request: azmqtt.MethodRequest) -> dict[str, object]:
                return {"started": True, "speed": request.payload["speed"]}

            pump.connect()
            patch = {"tags": {"floor": 2}, "properties": {"desired": {"speed": 3}}}
            twin = service.ask("PATCH", "/twins/pump", patch)
            print("desired speed", twin["properties"]["desired"]["speed"], "tags", twin["tags"])

            call = {"methodName": "start", "payload": {"speed": 3}, "connectTimeoutInSeconds": 10}
            print("method", service.ask("POST", "/twins/pump/methods", call))

        try:
            service.ask("PUT", "/devices/pump", {"deviceId": "pump"}, If_Match='"old"')
        except urllib.error.HTTPError as error:
            with error:
                print(error.code, error.headers["iothub-errorcode"], json.load(error)["Message"])


if __name__ == "__main__":
    main()
