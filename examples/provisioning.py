"""Let the Device Provisioning Service say which hub a device belongs to."""

import azmqtt
from azmqtt.provisioning import derive_device_key


def main() -> None:
    """Register a device with a key of its own, then two of a group."""
    with azmqtt.LocalHub() as hub:
        # With Azure the service knows these already, and there are no options: the id scope and a key are all.
        own = hub.create_enrollment("door-1")
        group = hub.create_enrollment_group("lamps")
        options = hub.provisioning_options

        with azmqtt.DeviceClient.provision(hub.id_scope, "door-1", symmetric_key=own.key, **options) as door:
            print(door.registration)
            door.send_message({"open": False})

        for name in ("lamp-1", "lamp-2"):
            key = derive_device_key(group.key, name)  # where the group's key is safe, not on the device
            with azmqtt.DeviceClient.provision(hub.id_scope, name, symmetric_key=key, **options) as lamp:
                lamp.send_message({"on": True})

        for message in hub.wait_for_telemetry(count=3):
            print(message.device_id, message.json())


if __name__ == "__main__":
    main()
