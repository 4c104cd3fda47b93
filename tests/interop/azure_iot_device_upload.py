"""An upload by Microsoft's azure-iot-device, as it comes, against a hub on localhost:443.

Run by an interpreter that has that package: ``python azure_iot_device_upload.py CONNECTION_STRING CA_FILE``. The blob
itself goes by the standard library, where applications use azure-storage-blob.
"""

import ssl
import sys
import urllib.request
from pathlib import Path

from azure.iot.device import IoTHubDeviceClient


def main() -> None:
    """Ask for a place, put a blob there, and tell the hub."""
    connection_string, ca_file = sys.argv[1:]
    client = IoTHubDeviceClient.create_from_connection_string(
        connection_string, server_verification_cert=Path(ca_file).read_text()
    )
    place = client.get_storage_info_for_blob("folder/notes.txt")
    url = f"https://{place['hostName']}/{place['containerName']}/{place['blobName']}{place['sasToken']}"
    request = urllib.request.Request(
        url, data=b"by the SDK", method="PUT", headers={"x-ms-blob-type": "BlockBlob", "x-ms-version": "2020-04-08"}
    )
    context = ssl.create_default_context(cafile=ca_file)
    with urllib.request.urlopen(request, context=context, timeout=20) as answer:  # noqa: S310 - the same
        print(answer.status)
    client.notify_blob_upload_status(place["correlationId"], True, 201, "done")  # noqa: FBT003 - the SDK's signature
    client.shutdown()


main()
