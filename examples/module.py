"""A module that filters readings: from an input to an output, with a limit from its twin."""

import azmqtt


def main() -> None:
    """Run the module, and act as its gateway."""
    with azmqtt.LocalHub() as hub, hub.device_client("edge1", module_id="filter") as module:
        # A service sets the limit; the module reports the limit in use.
        hub.patch_desired("edge1", {"limit": 30}, module_id="filter")
        limit = module.get_twin().desired["limit"]
        module.patch_reported_properties({"limit": limit})

        @module.on_input_message("readings")
        def readings(message: azmqtt.CloudMessage) -> None:
            if message.json()["temperature"] > limit:
                # The client acknowledges the message when this function returns; until then the gateway keeps it.
                module.send_message(message.body, content_type="application/json", output_name="alerts")

        @module.on_method("limit")
        def answer_limit(_request: azmqtt.MethodRequest) -> dict[str, float]:
            return {"limit": limit}

        for temperature in (21.5, 33.0, 29.9, 48.2):
            hub.send_to_input("edge1", "filter", "readings", f'{{"temperature": {temperature}}}')

        for alert in hub.wait_for_telemetry("edge1", 2, module_id="filter"):
            print(f"{alert.output_name}: {alert.text}")
        print(hub.invoke_method("edge1", "limit", module_id="filter", connect_timeout=5))


if __name__ == "__main__":
    main()
