"""A module inside IoT Edge: the environment provides its key and host name.

The function ``module`` is the module. The rest simulates the IoT Edge runtime: the variables that it sets, its workload
API, which signs for the module and returns the roots to trust, and the gateway.
"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import threading

import azmqtt


def module(port: int) -> None:
    """Connect and send. Inside IoT Edge the port is the default one."""
    with azmqtt.DeviceClient.from_environment(port=port) as client:
        client.send_message({"temperature": 21.5}, output_name="readings")
        print(f"{client.device_id}/{client.module_id} on {client.hostname} has sent a message")


class WorkloadApi(http.server.BaseHTTPRequestHandler):
    """The runtime's workload API; a real one listens on a Unix socket."""

    key: bytes
    bundle: str

    def do_GET(self) -> None:
        """Return the roots to trust."""
        print("runtime: GET", self.path)
        self.answer({"certificate": self.bundle})

    def do_POST(self) -> None:
        """Sign with the module's key."""
        print("runtime: POST", self.path)
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        digest = hmac.new(self.key, base64.b64decode(asked["data"]), hashlib.sha256).digest()
        self.answer({"digest": base64.b64encode(digest).decode()})

    def answer(self, body: dict[str, str]) -> None:
        """Answer in JSON."""
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_args: object) -> None:
        """Write no log."""


def main() -> None:
    """Simulate the runtime, and run the module in it."""
    with azmqtt.LocalHub(hostname="myhub.azure-devices.net") as gateway:
        gateway.create_device("edge1")
        connection_string = gateway.create_module("edge1", "sensor").connection_string
        WorkloadApi.key = base64.b64decode(connection_string.rpartition("SharedAccessKey=")[2])
        WorkloadApi.bundle = gateway.ca_pem
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), WorkloadApi) as runtime:
            threading.Thread(target=runtime.serve_forever, daemon=True).start()
            os.environ.update(
                IOTEDGE_WORKLOADURI=f"http://127.0.0.1:{runtime.server_port}",
                IOTEDGE_DEVICEID="edge1",
                IOTEDGE_MODULEID="sensor",
                IOTEDGE_MODULEGENERATIONID="1",
                IOTEDGE_IOTHUBHOSTNAME="myhub.azure-devices.net",
                IOTEDGE_GATEWAYHOSTNAME="localhost",
                IOTEDGE_APIVERSION="2019-01-30",
            )
            module(gateway.port)
            runtime.shutdown()
        (message,) = gateway.wait_for_telemetry("edge1", module_id="sensor")
        print(f"gateway: {message.output_name}: {message.text}")


if __name__ == "__main__":
    main()
