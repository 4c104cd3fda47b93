"""The types that a local hub returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class LocalDevice:
    """A device of a local hub, with its connection string.

    Attributes:
        device_id: The device's id.
        connection_string: ``HostName=…;DeviceId=…;SharedAccessKey=…``, or ``x509=true`` instead of the key. It can
            contain the key, so ``repr`` leaves it out.
    """

    device_id: str
    connection_string: str = field(repr=False)


@dataclass(frozen=True)
class LocalModule:
    """A module of a device of a local hub, with its connection string.

    Attributes:
        device_id: The device's id.
        module_id: The module's id.
        connection_string: ``HostName=…;DeviceId=…;ModuleId=…;SharedAccessKey=…``. It contains the module's key, so
            ``repr`` leaves it out.
    """

    device_id: str
    module_id: str
    connection_string: str = field(repr=False)


@dataclass(frozen=True)
class TelemetryMessage:
    """A device-to-cloud message as a local hub received it.

    Attributes:
        device_id: The device that sent it.
        body: The body, as sent.
        properties: The application properties, and ``iothub-creation-time-utc`` for ``$.ctime``. If names differ only
            in case, the first one counts.
        system_properties: The system properties under the names that service applications read: those from the
            device (``message-id``, ``content-type``, …) and those that the hub adds
            (``iothub-connection-device-id``, ``iothub-enqueuedtime``, ``iothub-message-source``, …). See "Create and
            read IoT Hub messages" in the IoT Hub docs.
        enqueued_time: When the hub received it, in UTC.
        sequence: The number of the message on this hub, from 1.
        module_id: The module that sent it; ``None`` if the device itself did.
    """

    device_id: str
    body: bytes
    properties: dict[str, str]
    system_properties: dict[str, str]
    enqueued_time: datetime
    sequence: int
    module_id: str | None = None

    @property
    def output_name(self) -> str | None:
        """The module output that the message was sent to, if any."""
        return self.system_properties.get("iothub-outputname")

    @property
    def text(self) -> str:
        """The body decoded as UTF-8.

        Raises:
            UnicodeDecodeError: The body is not UTF-8.
        """
        return self.body.decode()

    def _repr_html_(self) -> str:
        """Show a table in Jupyter."""
        from azmqtt._support import html

        return html.telemetry_message(self)

    def json(self) -> Any:
        """Return the body parsed as JSON.

        Raises:
            ValueError: The body is not JSON. NaN and infinities are not JSON either.
        """
        from azmqtt._support import strict_json

        return strict_json.read(self.body)


@dataclass(frozen=True)
class FeedbackRecord:
    """The outcome of a cloud-to-device message whose sender requested feedback with ``ack``.

    Attributes:
        original_message_id: The message's id.
        enqueued_time: The time of the outcome, in UTC; the service calls it ``enqueuedTimeUtc``.
        status_code: ``"Success"``, ``"Expired"``, ``"DeliveryCountExceeded"`` or ``"Purged"``. A device cannot reject
            a message over MQTT, so ``"Rejected"`` does not occur.
        description: The status as a sentence.
        device_id: The device that the message was for.
        device_generation_id: Distinguishes the device from an earlier one with the same id.
    """

    original_message_id: str
    enqueued_time: datetime
    status_code: str
    description: str
    device_id: str
    device_generation_id: str

    def as_dict(self) -> dict[str, str]:
        """Return the record in the form of ``application/vnd.microsoft.iothub.feedback.json``."""
        return {
            "originalMessageId": self.original_message_id,
            "enqueuedTimeUtc": self.enqueued_time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "statusCode": self.status_code,
            "description": self.description,
            "deviceId": self.device_id,
            "deviceGenerationId": self.device_generation_id,
        }


@dataclass(frozen=True)
class FileUpload:
    """A completed file upload. The service sends the same data as a file upload notification.

    Attributes:
        device_id: The device that uploaded the file.
        blob_name: ``{device id}/{name}``.
        is_success: Whether the device reported success.
        status_code: The status that the device reported, usually an HTTP status.
        status_description: The device's description of the status.
        correlation_id: The correlation id of the upload.
        size: The blob's size in bytes; ``None`` if the blob does not exist.
        ended: When the device reported the end of the upload, in UTC.
    """

    device_id: str
    blob_name: str
    is_success: bool
    status_code: int
    status_description: str
    correlation_id: str
    size: int | None
    ended: datetime
