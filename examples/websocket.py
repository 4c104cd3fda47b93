"""Connect over a WebSocket, for networks that let only port 443 through."""

import azmqtt


def main() -> None:
    """Use all features over a WebSocket: messages in both directions, the twin, a method."""
    # With a real hub: DeviceClient.from_connection_string("HostName=…", websocket=True), which connects to port 443.
    with azmqtt.LocalHub() as hub, hub.device_client("greenhouse", websocket=True) as device:

        @device.on_method("water")
        def water(request: azmqtt.MethodRequest) -> dict[str, int]:
            return {"litres": request.payload["minutes"] * 12}

        device.connect()
        device.send_message({"temperature": 21.5})
        print("the hub got", hub.wait_for_telemetry("greenhouse")[0].json())
        device.patch_reported_properties({"firmware": "1.2"})
        print("the twin says", device.get_twin().reported)
        print(
            "the method returned", hub.invoke_method("greenhouse", "water", {"minutes": 5}, connect_timeout=5).payload
        )


if __name__ == "__main__":
    main()
