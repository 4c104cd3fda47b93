"""Answer direct methods, as plain functions and as coroutines."""

import asyncio

import azmqtt


def main() -> None:
    """Call three methods of a device, as a service does."""
    with azmqtt.LocalHub() as hub, hub.device_client("pump") as device:

        @device.on_method("setSpeed")
        def set_speed(request: azmqtt.MethodRequest) -> dict[str, float]:
            return {"speed": request.payload["rpm"] / 60}

        @device.on_method("selfTest")
        async def self_test(_request: azmqtt.MethodRequest) -> azmqtt.MethodResponse:
            await asyncio.sleep(0.01)
            return azmqtt.MethodResponse(202, {"started": True})

        @device.on_method()
        def anything_else(request: azmqtt.MethodRequest) -> tuple[int, str]:
            return 501, f"there is no {request.name} here"

        device.connect()
        for name, payload in [("setSpeed", {"rpm": 1500}), ("selfTest", None), ("dance", None)]:
            print(name, hub.invoke_method("pump", name, payload, connect_timeout=5))


if __name__ == "__main__":
    main()
