"""Connect through an HTTP proxy that requires a user name and a password."""

import base64
import contextlib
import socket
import threading

import azmqtt

USER, PASSWORD = "maria", "s3cret"


def main() -> None:
    """Send a message through a proxy, then try it with the wrong password."""
    with azmqtt.LocalHub() as hub, socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=run_proxy, args=(listener,), daemon=True).start()
        port = listener.getsockname()[1]

        with hub.device_client("truck", proxy=f"http://{USER}:{PASSWORD}@localhost:{port}") as device:
            device.send_message({"speed": 80})
        print("the hub got", hub.wait_for_telemetry("truck")[0].json())

        with hub.device_client("truck", proxy=f"http://{USER}:wrong@localhost:{port}") as device:
            try:
                device.connect()
            except azmqtt.ConnectionFailed as error:
                print(f"it failed at the step {error.step!r}: {error}")


def run_proxy(listener: socket.socket) -> None:
    """Run a minimal proxy: CONNECT with Basic authentication."""
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client,), daemon=True).start()


def serve(client: socket.socket) -> None:
    """Check the credentials, connect, and forward bytes."""
    with client, contextlib.suppress(OSError):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = client.recv(1)
            if not byte:
                return
            head += byte
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode())
        if b"Proxy-Authorization: Basic " + login not in head:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            return
        host, port = head.split(b" ")[1].decode().rsplit(":", 1)
        # The local hub has no IPv6 address, and a proxy that tries both would make this example longer.
        with socket.create_connection(("127.0.0.1" if host == "localhost" else host, int(port))) as server:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=pump, args=(server, client), daemon=True)
            back.start()
            pump(client, server)
            back.join()


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Forward bytes until the end of the stream."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    main()
