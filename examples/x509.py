"""Authenticate with an X.509 client certificate, by thumbprint and by authority."""

import tempfile
from pathlib import Path

import azmqtt


def main() -> None:
    """Connect two devices with certificates that a local hub creates for tests."""
    with azmqtt.LocalHub() as hub, tempfile.TemporaryDirectory() as folder:
        # A certificate that the hub knows by its thumbprint, in files as on a device.
        made = hub.create_certificate("pump", self_signed=True)
        certificate, private_key = Path(folder, "pump.pem"), Path(folder, "pump.key")
        certificate.write_text(made.certificate)
        private_key.write_text(made.private_key)
        hub.create_device("pump", x509_thumbprint=made.thumbprint)
        with azmqtt.DeviceClient.from_certificate(
            hub.hostname,
            "pump",
            certificate=certificate,
            private_key=private_key,
            # A real hub needs neither argument.
            port=hub.port,
            trust=hub.ca_file,
        ) as pump:
            pump.send_message({"pressure": 2.1})
        print(hub.wait_for_telemetry("pump")[0].system_properties["iothub-connection-auth-method"])

        # A certificate signed by an authority of the hub; its common name is the device's id.
        device = hub.create_device("valve", ca=True)
        made = hub.create_certificate("valve")
        with azmqtt.DeviceClient.from_connection_string(
            device.connection_string,
            certificate=made.certificate,
            private_key=made.private_key,
            port=hub.port,
            trust=hub.ca_file,
        ) as valve:
            valve.send_message({"open": True})
        print(device.connection_string, "expires on", made.not_after.date())

        # An invalid file raises an error before anything is sent.
        try:
            azmqtt.DeviceClient.from_certificate(
                hub.hostname, "pump", certificate=certificate, private_key=made.private_key
            )
        except ValueError as error:
            print(error)


if __name__ == "__main__":
    main()
