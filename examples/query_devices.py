"""Find devices by what they report, as a back-end application does."""

import azmqtt

DEVICES = {"pump-1": ("1.0", 35), "pump-2": ("1.1", 80), "valve-1": ("1.1", 55)}


def main() -> None:
    """Report properties of three devices, and query the hub."""
    with azmqtt.LocalHub() as hub:
        for device_id, (firmware, load) in DEVICES.items():
            with hub.device_client(device_id) as device:
                device.patch_reported_properties({"firmware": firmware, "load": load})

        print("pumps under load:")
        for twin in hub.query(
            "SELECT * FROM devices WHERE STARTSWITH(deviceId, 'pump') AND properties.reported.load > 50"
        ):
            print(" ", twin["deviceId"], twin["properties"]["reported"]["load"])

        print("devices by firmware:")
        for row in hub.query(
            "SELECT properties.reported.firmware AS firmware, COUNT() AS devices "
            "FROM devices GROUP BY properties.reported.firmware"
        ):
            print(" ", row)


if __name__ == "__main__":
    main()
