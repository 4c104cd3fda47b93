"""A thermostat by the IoT Plug and Play conventions: a model, a component, a writable property, a command."""

import azmqtt
from azmqtt import pnp

MODEL = "dtmi:com:example:TemperatureController;2"
COMPONENT = "thermostat1"


def main() -> None:
    """Set a temperature and request a report, as a service does."""
    with azmqtt.LocalHub() as hub, hub.device_client("controller", model_id=MODEL) as device:

        @device.on_method(pnp.command_name(COMPONENT, "getMaxMinReport"))
        def report(_request: azmqtt.MethodRequest) -> dict[str, float]:
            return {"maxTemp": 38.7, "minTemp": 12.5}

        device.patch_reported_properties(pnp.component_patch(COMPONENT, {"maxTempSinceLastReboot": 38.7}))
        device.send_message(pnp.telemetry({"temperature": 21.5}, component=COMPONENT))

        device.get_twin()  # Changes are reported from here on.
        changes = device.desired_properties(timeout=10)
        hub.patch_desired("controller", pnp.component_patch(COMPONENT, {"targetTemperature": 23}))
        for item in pnp.writable_properties(next(changes)):
            print("asked for", item)
            device.patch_reported_properties(item.acknowledge(200, "set"))

        # The twin as a service sees it.
        twin = hub.twin("controller")
        print("model:", twin["modelId"])
        print("reported:", twin["properties"]["reported"][COMPONENT])
        print("telemetry of:", hub.wait_for_telemetry("controller")[0].system_properties["dt-subject"])
        print("report:", hub.invoke_method("controller", f"{COMPONENT}*getMaxMinReport", connect_timeout=5))


if __name__ == "__main__":
    main()
