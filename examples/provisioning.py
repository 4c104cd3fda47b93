"""Let the Device Provisioning Service assign devices to a hub."""

import azmqtt
from azmqtt.provisioning import derive_device_key


def main() -> None:
    """Register a device with its own key, then two devices of a group."""
    with azmqtt.LocalHub() as hub:
        # On Azure, the enrolments exist already; you only need the id scope and a key, and no further options.
        own = hub.create_enrollment("door-1")
        group = hub.create_enrollment_group("lamps")
        options = hub.provisioning_options

        with azmqtt.DeviceClient.provision(hub.id_scope, "door-1", symmetric_key=own.key, **options) as door:
            print(door.registration)
            door.send_message({"open": False})

        for name in ("lamp-1", "lamp-2"):
            key = derive_device_key(group.key, name)  # on a machine where the group's key is safe, not on the device
            with azmqtt.DeviceClient.provision(hub.id_scope, name, symmetric_key=key, **options) as lamp:
                lamp.send_message({"on": True})

        for message in hub.wait_for_telemetry(count=3):
            print(message.device_id, message.json())


if __name__ == "__main__":
    main()
