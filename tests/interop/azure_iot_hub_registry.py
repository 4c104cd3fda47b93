"""One session of the unmodified azure-iot-hub with the service's REST API of a local hub.

Usage: azure_iot_hub_registry.py SERVICE_CONNECTION_STRING DEVICE

``REQUESTS_CA_BUNDLE`` names the hub's authority. DEVICE is connected, answers the method ``echo`` and has messages
waiting. What was seen is printed as JSON.
"""

from __future__ import annotations

import base64
import json
import sys

from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.models import CloudToDeviceMethod, ExportImportDevice, Twin, TwinProperties
from azure.iot.hub.protocol.models import AuthenticationMechanism, SymmetricKey
from msrest.exceptions import HttpOperationError

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(range(32, 64))).decode()
PRINT = "A9993E364706816ABA3E25717850C26C9CD0D89D"
SECOND = PRINT[::-1]


def refused(call, *arguments):
    """Return the status and the header's code that a call is refused with."""
    try:
        call(*arguments)
    except HttpOperationError as error:
        message = json.loads(error.response.text)["Message"]
        name = error.response.headers["iothub-errorcode"]
        assert message.startswith(f"ErrorCode:{name};"), message
        return [error.response.status_code, name]
    return "not refused"


def devices(manager: IoTHubRegistryManager, seen: dict) -> None:
    """Make, read, change and remove devices."""
    made = manager.create_device_with_sas("sas", KEY, OTHER, "enabled", iot_edge=False, status_reason="new")
    key = made.authentication.symmetric_key
    seen["sas"] = [made.device_id, made.status, made.status_reason, key.primary_key == KEY, key.secondary_key == OTHER]
    seen["times"] = [made.status_updated_time.year, made.last_activity_time.year]
    changed = manager.update_device_with_sas("sas", made.etag, OTHER, KEY, "disabled", status_reason="why")
    seen["changed"] = [changed.status, changed.authentication.symmetric_key.primary_key == OTHER]
    seen["stale"] = refused(manager.update_device_with_sas, "sas", made.etag, KEY, OTHER, "enabled")
    seen["again"] = refused(manager.create_device_with_sas, "sas", KEY, OTHER, "enabled")
    x509 = manager.create_device_with_x509("x509", PRINT, SECOND, "enabled")
    thumbprints = x509.authentication.x509_thumbprint
    seen["x509"] = [x509.authentication.type, thumbprints.primary_thumbprint, thumbprints.secondary_thumbprint]
    ca = manager.create_device_with_certificate_authority("ca", "enabled", iot_edge=True)
    seen["ca"] = [
        ca.authentication.type,
        ca.capabilities.iot_edge,
        ca.device_scope.startswith("ms-azure-iot-edge://ca-"),
    ]
    turned = manager.update_device_with_x509("sas", None, PRINT, SECOND, "enabled")
    seen["turned"] = turned.authentication.type
    turned = manager.update_device_with_certificate_authority("sas", turned.etag, "enabled")
    seen["turned again"] = turned.authentication.type
    seen["listed"] = [device.device_id for device in manager.get_devices()]
    seen["listed two"] = [device.device_id for device in manager.get_devices(2)]
    seen["not there"] = refused(manager.get_device, "none")
    seen["kept by etag"] = refused(manager.delete_device, "x509", made.etag)
    manager.delete_device("x509", x509.etag)
    manager.delete_device("sas")
    seen["gone"] = refused(manager.get_device, "sas")


def bulk(manager: IoTHubRegistryManager, seen: dict) -> None:
    """Many at once."""
    keys = AuthenticationMechanism(type="sas", symmetric_key=SymmetricKey(primary_key=KEY, secondary_key=OTHER))
    entries = [
        ExportImportDevice(id=f"bulk{number}", import_mode="create", status="enabled", authentication=keys)
        for number in range(3)
    ]
    entries[0].tags = {"floor": 1}
    made = manager.bulk_create_or_update_devices(entries)
    seen["bulk"] = [made.is_successful, made.errors, made.warnings, manager.get_twin("bulk0").tags]
    entries[0].import_mode, entries[0].status = "update", "disabled"
    entries[2].import_mode = "delete"
    again = manager.bulk_create_or_update_devices(entries)
    seen["bulk again"] = [again.is_successful, [[e.device_id, e.error_code, e.operation] for e in again.errors]]
    seen["after"] = [manager.get_device("bulk0").status, refused(manager.get_device, "bulk2")]


def modules(manager: IoTHubRegistryManager, device_id: str, seen: dict) -> None:
    """Make, read, change and remove modules."""
    made = manager.create_module_with_sas(device_id, "m", "me", KEY, OTHER)
    seen["module"] = [made.device_id, made.module_id, made.managed_by, made.authentication.type]
    changed = manager.update_module_with_x509(device_id, "m", "you", made.etag, PRINT, SECOND)
    seen["module changed"] = [changed.managed_by, changed.authentication.type, changed.etag != made.etag]
    manager.create_module_with_certificate_authority(device_id, "n", "me")
    seen["modules"] = [module.module_id for module in manager.get_modules(device_id)]
    twin = manager.update_module_twin(device_id, "m", Twin(tags={"a": 1}))
    seen["module twin"] = [twin.module_id, twin.tags, manager.get_module_twin(device_id, "m").etag == twin.etag]
    manager.replace_module_twin(device_id, "m", Twin(tags={"b": 2}), twin.etag)
    seen["module twin replaced"] = manager.get_module_twin(device_id, "m").tags
    method = CloudToDeviceMethod(method_name="x", payload={}, response_timeout_in_seconds=5)
    seen["module method"] = refused_method(manager.invoke_device_module_method, device_id, "n", method)
    manager.delete_module(device_id, "m", changed.etag)
    seen["module gone"] = refused(manager.get_module, device_id, "m")


def refused_method(call, *arguments):
    """Return what a method that is not answered is refused with: JSON as text."""
    try:
        call(*arguments)
    except HttpOperationError as error:
        told = json.loads(json.loads(error.response.text)["Message"])
        return [error.response.status_code, told["errorCode"], told.get("info"), bool(told["trackingId"])]
    return "not refused"


def twins_and_methods(manager: IoTHubRegistryManager, device_id: str, seen: dict) -> None:
    """Twin, method, queue."""
    twin = manager.get_twin(device_id)
    seen["twin"] = [twin.device_id, twin.connection_state, twin.authentication_type, twin.capabilities.iot_edge]
    patch = Twin(tags={"room": 7}, properties=TwinProperties(desired={"interval": 10, "gone": True}))
    patched = manager.update_twin(device_id, patch, twin.etag)
    desired = patched.properties.desired
    seen["patched"] = [patched.tags, desired["interval"], desired["$version"], "$metadata" in desired]
    seen["stale twin"] = refused(manager.update_twin, device_id, patch, twin.etag)
    replaced = manager.replace_twin(device_id, Twin(properties=TwinProperties(desired={"interval": 20})), patched.etag)
    seen["replaced"] = [replaced.tags, replaced.properties.desired["$version"], "gone" in replaced.properties.desired]
    bad = Twin(properties=TwinProperties(desired={"a.b": 1}))
    seen["bad twin"] = refused(manager.update_twin, device_id, bad)
    method = CloudToDeviceMethod(method_name="echo", payload={"n": 1}, response_timeout_in_seconds=10)
    answer = manager.invoke_device_method(device_id, method)
    seen["method"] = [answer.status, answer.payload]
    method.response_timeout_in_seconds = 1
    seen["bad timeout"] = refused_method(manager.invoke_device_method, device_id, method)
    purged = manager.protocol.cloud_to_device_messages.purge_cloud_to_device_message_queue("waiting")
    seen["purged"] = [purged.device_id, purged.total_messages_purged]
    counts = manager.get_device_registry_statistics()
    seen["statistics"] = [counts.total_device_count, counts.enabled_device_count, counts.disabled_device_count]
    seen["connected"] = manager.get_service_statistics().connected_device_count


def main() -> None:
    """Run the session."""
    connection_string, device_id = sys.argv[1:]
    manager = IoTHubRegistryManager.from_connection_string(connection_string)
    seen: dict = {}
    devices(manager, seen)
    bulk(manager, seen)
    modules(manager, device_id, seen)
    twins_and_methods(manager, device_id, seen)
    print(json.dumps(seen))


main()
