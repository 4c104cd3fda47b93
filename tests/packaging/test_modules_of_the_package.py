"""Where the package's modules are: public classes where they always were, and no large circle of imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import azmqtt

PYTHON = Path(__file__).parents[2] / "python"

#: What tracebacks, pickles and ``help`` name.
MODULES = {
    "_client": "DeviceClient",
    "_core": "CloudMessage MqttMessage",
    "_errors": "AuthenticationFailed BadAnswer CertificateExpiresSoon ClientClosed ConnectionFailed ConnectionLost "
    "DeliveryUnknown Error IotHubError MessageExpired MessageTooLarge NotSupported OutboxFull PreconditionFailed "
    "ProvisioningFailed "
    "PublishRefused RequestFailed RequestTimeout ServerMoved SessionLost SessionTakenOver SubscribeRefused "
    "ThreadUnavailable Throttled UploadFailed",
    "_hub": "LocalHub",
    "_hub_certificates": "DeviceCertificate",
    "_hub_faults": "InjectedFault",
    "_hub_packets": "Packet",
    "_hub_provisioning": "Allocation AllocationRequest Enrollment EnrollmentGroup LocalRegistration",
    "_hub_types": "FeedbackRecord FileUpload LocalDevice LocalModule TelemetryMessage",
    "_message": "Message",
    "_mqtt": "MqttClient",
    "_mqtt.authentication": "Enhanced EntraToken JsonWebToken",
    "_mqtt.options": "MqttOptions",
    "_mqtt.service_account": "ServiceAccountToken",
    "_mqtt.stats": "MqttStats",
    "_mqtt.types": "Published Will",
    "_namespace": "LocalNamespace",
    "_namespace_types": "CaCertificate ClientGroup LifeCycleEvent NamespaceClient NamespaceMessage PermissionBinding "
    "TopicSpace",
    "_options": "ClientOptions",
    "_stats": "RoundTrips Stats",
    "_streams": "Stream",
    "_types": "DesiredPatch MethodRequest MethodResponse MethodResult Outbox ReportedPatch RetryPolicy StateChange "
    "Twin UploadResult",
    "provisioning": "Registration",
}


def test_public_classes_are_in_the_modules_that_users_know():
    found = {name: getattr(azmqtt, name).__module__ for name in azmqtt.__all__ if name[0].isupper()}
    assert found == {name: f"azmqtt.{module}" for module, names in MODULES.items() for name in names.split()}


def imports() -> dict[str, set[str]]:
    """Return the modules that each module names in an import, whenever that runs."""
    files = {file.relative_to(PYTHON): file for file in (PYTHON / "azmqtt").rglob("*.py*") if file.suffix != ".pyc"}
    modules = {
        ".".join(name.with_suffix("").parts).removesuffix(".__init__"): file
        for name, file in files.items()
        if file.suffix in {".py", ".pyi"}
    }
    found: dict[str, set[str]] = {}
    for module, file in modules.items():
        named = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                named |= {name if name in modules else node.module for name in inner}
            elif isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
        found[module] = named & modules.keys() - {module}
    return found


def test_no_more_than_three_modules_import_each_other_in_a_circle():
    graph = imports()
    assert len(graph) > 80
    reached = {module: set(named) for module, named in graph.items()}
    for middle, behind in reached.items():
        for known in reached.values():
            if middle in known:
                known.update(behind)
    circles = {frozenset(other for other in known if module in reached[other]) for module, known in reached.items()}
    assert [sorted(circle) for circle in circles if len(circle) > 3] == []


@pytest.mark.parametrize("module", sorted(MODULES))
def test_each_can_be_imported_first(module):
    """As when something is unpickled."""
    subprocess.run([sys.executable, "-c", f"import azmqtt.{module}"], check=True, timeout=30)
