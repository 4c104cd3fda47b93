"""Connect azure-iot-device, as it comes, with a client certificate to a hub on localhost:8883, and send a message.

Run by an interpreter that has that package: ``python azure_iot_device_x509.py DEVICE CERTIFICATE KEY PASSPHRASE CA``.
Prints ``sent``, or the name of the error.
"""

import sys
from pathlib import Path

from azure.iot.device import X509, IoTHubDeviceClient
from azure.iot.device.exceptions import ClientError


def main() -> None:
    """Connect, send, leave."""
    device_id, certificate, key, passphrase, ca_file = sys.argv[1:]
    client = IoTHubDeviceClient.create_from_x509_certificate(
        X509(certificate, key, passphrase or None),
        "localhost",
        device_id,
        server_verification_cert=Path(ca_file).read_text(),
    )
    try:
        client.connect()
        client.send_message("with a certificate")
        print("sent")
    except ClientError as error:
        print(type(error).__name__)
    finally:
        client.shutdown()


main()
