"""Unofficial client of Azure IoT Hub and of any MQTT broker, and local services: a Rust core with a Python face.

    from azmqtt import DeviceClient

    with DeviceClient.from_connection_string("HostName=…;DeviceId=…;SharedAccessKey=…") as client:
        client.send_message({"temperature": 21.5})
        print(client.get_twin().desired)

Every call exists twice: the bare name blocks, the ``_async`` suffix is an ``async def``. Names are IoT Hub's own
terms, ``timeout=`` is in seconds, and errors of a hub or broker are an :class:`Error`.

==========================  =====================================================================
:class:`DeviceClient`       a device or module: messages, twin, methods
:class:`MqttClient`         a client of any MQTT broker: Event Grid, IoT Operations, others
:class:`LocalHub`           a local IoT Hub, for tests and for trying things out
:class:`LocalNamespace`     a local Event Grid namespace, for the same
:class:`Message`            a message with its properties
:mod:`azmqtt.data`          messages as a pandas frame
:mod:`azmqtt.faults`        faults on demand, for a local hub
:mod:`azmqtt.sas`           SAS tokens: sign and read
:mod:`azmqtt.pnp`           IoT Plug and Play: components, writable properties, commands
:mod:`azmqtt.provisioning`  the Device Provisioning Service: find the hub of a device
==========================  =====================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azmqtt._client import DeviceClient
from azmqtt._core import CloudMessage, MqttMessage, __version__
from azmqtt._errors import (
    AuthenticationFailed,
    BadAnswer,
    CertificateExpiresSoon,
    ClientClosed,
    ConnectionFailed,
    ConnectionLost,
    DeliveryUnknown,
    Error,
    IotHubError,
    MessageExpired,
    MessageTooLarge,
    NotSupported,
    OutboxFull,
    PreconditionFailed,
    ProvisioningFailed,
    PublishRefused,
    RequestFailed,
    RequestTimeout,
    ServerMoved,
    SessionLost,
    SessionTakenOver,
    SubscribeRefused,
    ThreadUnavailable,
    Throttled,
    UploadFailed,
)
from azmqtt._message import Message
from azmqtt._options import ClientOptions
from azmqtt._types import (
    DesiredPatch,
    MethodRequest,
    MethodResponse,
    MethodResult,
    Outbox,
    ReportedPatch,
    RetryPolicy,
    StateChange,
    Twin,
    UploadResult,
)

if TYPE_CHECKING:
    from azmqtt import data, faults, pnp, provisioning, sas
    from azmqtt._handlers.pool import set_handler_threads
    from azmqtt._hub import LocalHub
    from azmqtt._hub_certificates import DeviceCertificate
    from azmqtt._hub_faults import InjectedFault
    from azmqtt._hub_packets import Packet
    from azmqtt._hub_provisioning import Allocation, AllocationRequest, Enrollment, EnrollmentGroup, LocalRegistration
    from azmqtt._hub_types import FeedbackRecord, FileUpload, LocalDevice, LocalModule, TelemetryMessage
    from azmqtt._mqtt import MqttClient
    from azmqtt._mqtt.authentication import Enhanced, EntraToken, JsonWebToken
    from azmqtt._mqtt.options import MqttOptions
    from azmqtt._mqtt.service_account import ServiceAccountToken
    from azmqtt._mqtt.stats import MqttStats
    from azmqtt._mqtt.types import Published, Will
    from azmqtt._namespace import LocalNamespace
    from azmqtt._namespace_types import (
        CaCertificate,
        ClientGroup,
        LifeCycleEvent,
        NamespaceClient,
        NamespaceMessage,
        PermissionBinding,
        TopicSpace,
    )
    from azmqtt._stats import RoundTrips, Stats
    from azmqtt._streams import Stream
    from azmqtt.provisioning import Registration

__all__ = [
    "Allocation",
    "AllocationRequest",
    "AuthenticationFailed",
    "BadAnswer",
    "CaCertificate",
    "CertificateExpiresSoon",
    "ClientClosed",
    "ClientGroup",
    "ClientOptions",
    "CloudMessage",
    "ConnectionFailed",
    "ConnectionLost",
    "DeliveryUnknown",
    "DesiredPatch",
    "DeviceCertificate",
    "DeviceClient",
    "Enhanced",
    "Enrollment",
    "EnrollmentGroup",
    "EntraToken",
    "Error",
    "FeedbackRecord",
    "FileUpload",
    "InjectedFault",
    "IotHubError",
    "JsonWebToken",
    "LifeCycleEvent",
    "LocalDevice",
    "LocalHub",
    "LocalModule",
    "LocalNamespace",
    "LocalRegistration",
    "Message",
    "MessageExpired",
    "MessageTooLarge",
    "MethodRequest",
    "MethodResponse",
    "MethodResult",
    "MqttClient",
    "MqttMessage",
    "MqttOptions",
    "MqttStats",
    "NamespaceClient",
    "NamespaceMessage",
    "NotSupported",
    "Outbox",
    "OutboxFull",
    "Packet",
    "PermissionBinding",
    "PreconditionFailed",
    "ProvisioningFailed",
    "PublishRefused",
    "Published",
    "Registration",
    "ReportedPatch",
    "RequestFailed",
    "RequestTimeout",
    "RetryPolicy",
    "RoundTrips",
    "ServerMoved",
    "ServiceAccountToken",
    "SessionLost",
    "SessionTakenOver",
    "StateChange",
    "Stats",
    "Stream",
    "SubscribeRefused",
    "TelemetryMessage",
    "ThreadUnavailable",
    "Throttled",
    "TopicSpace",
    "Twin",
    "UploadFailed",
    "UploadResult",
    "Will",
    "__version__",
    "data",
    "faults",
    "pnp",
    "provisioning",
    "sas",
    "set_handler_threads",
]


#: What few need: a client that sends and receives does not load it.
_ELSEWHERE = {
    "Allocation": "azmqtt._hub_provisioning",
    "AllocationRequest": "azmqtt._hub_provisioning",
    "CaCertificate": "azmqtt._namespace_types",
    "ClientGroup": "azmqtt._namespace_types",
    "DeviceCertificate": "azmqtt._hub_certificates",
    "Enhanced": "azmqtt._mqtt.authentication",
    "Enrollment": "azmqtt._hub_provisioning",
    "EnrollmentGroup": "azmqtt._hub_provisioning",
    "EntraToken": "azmqtt._mqtt.authentication",
    "FeedbackRecord": "azmqtt._hub_types",
    "FileUpload": "azmqtt._hub_types",
    "InjectedFault": "azmqtt._hub_faults",
    "JsonWebToken": "azmqtt._mqtt.authentication",
    "LifeCycleEvent": "azmqtt._namespace_types",
    "LocalDevice": "azmqtt._hub_types",
    "LocalHub": "azmqtt._hub",
    "LocalModule": "azmqtt._hub_types",
    "LocalNamespace": "azmqtt._namespace",
    "LocalRegistration": "azmqtt._hub_provisioning",
    "MqttClient": "azmqtt._mqtt",
    "MqttOptions": "azmqtt._mqtt.options",
    "MqttStats": "azmqtt._mqtt.stats",
    "NamespaceClient": "azmqtt._namespace_types",
    "NamespaceMessage": "azmqtt._namespace_types",
    "Packet": "azmqtt._hub_packets",
    "PermissionBinding": "azmqtt._namespace_types",
    "Published": "azmqtt._mqtt.types",
    "Registration": "azmqtt.provisioning",
    "RoundTrips": "azmqtt._stats",
    "ServiceAccountToken": "azmqtt._mqtt.service_account",
    "Stats": "azmqtt._stats",
    "Stream": "azmqtt._streams",
    "TelemetryMessage": "azmqtt._hub_types",
    "TopicSpace": "azmqtt._namespace_types",
    "Will": "azmqtt._mqtt.types",
    "set_handler_threads": "azmqtt._handlers.pool",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _ELSEWHERE:
        return getattr(import_module(_ELSEWHERE[name]), name)
    if name in {"data", "faults", "pnp", "provisioning", "sas"}:
        return import_module(f"azmqtt.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
