"""What a local hub hands out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class LocalDevice:
    """A device of a local hub, with what it needs to connect.

    Attributes:
        device_id: The device's id.
        connection_string: ``HostName=…;DeviceId=…;SharedAccessKey=…``, or with ``x509=true``. It holds the key, so
            ``repr`` leaves it out.
    """

    device_id: str
    connection_string: str = field(repr=False)


@dataclass(frozen=True)
class LocalModule:
    """A module of a device of a local hub, with what it needs to connect.

    Attributes:
        device_id: The device's id.
        module_id: The module's id.
        connection_string: ``HostName=…;DeviceId=…;ModuleId=…;SharedAccessKey=…``. It holds the module's key, so
            ``repr`` leaves it out.
    """

    device_id: str
    module_id: str
    connection_string: str = field(repr=False)


@dataclass(frozen=True)
class TelemetryMessage:
    """A device-to-cloud message as a local hub took it.

    Attributes:
        device_id: The device that sent it.
        body: The bytes as sent.
        properties: The application's own properties, and ``iothub-creation-time-utc`` for ``$.ctime``. Of names that
            differ in case alone, the first one.
        system_properties: The system properties under the names that service applications read: the
            device's own (``message-id``, ``content-type``, …) and the hub's stamps
            (``iothub-connection-device-id``, ``iothub-enqueuedtime``, ``iothub-message-source``, …). See "Create and
            read IoT Hub messages" in the IoT Hub docs.
        enqueued_time: When the hub took it, in UTC.
        sequence: Counts the messages of the whole hub, from 1.
        module_id: The device's module that sent it, if it was one.
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
        """The output of the module that it was sent to, if any."""
        return self.system_properties.get("iothub-outputname")

    @property
    def text(self) -> str:
        """The body as UTF-8 text.

        Raises:
            UnicodeDecodeError: The body is something else.
        """
        return self.body.decode()

    def _repr_html_(self) -> str:
        """Show a table in Jupyter."""
        from azmqtt._support import html

        return html.telemetry_message(self)

    def json(self) -> Any:
        """Return the body, parsed as JSON.

        Raises:
            ValueError: The body is something else; NaN and infinities are not JSON.
        """
        from azmqtt._support import strict_json

        return strict_json.read(self.body)


@dataclass(frozen=True)
class FeedbackRecord:
    """What became of a cloud-to-device message whose sender asked by ``ack``.

    Attributes:
        original_message_id: The message's id.
        enqueued_time: When it ended, in UTC; the service calls it ``enqueuedTimeUtc``.
        status_code: ``"Success"``, ``"Expired"``, ``"DeliveryCountExceeded"`` or ``"Purged"``. A device cannot reject
            over MQTT, so that ``"Rejected"`` does not occur.
        description: The same as a sentence.
        device_id: The device it was for.
        device_generation_id: Tells the device from an earlier one of the same id.
    """

    original_message_id: str
    enqueued_time: datetime
    status_code: str
    description: str
    device_id: str
    device_generation_id: str

    def as_dict(self) -> dict[str, str]:
        """Return the record in the shape of ``application/vnd.microsoft.iothub.feedback.json``."""
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
    """A file upload that a device has ended; the service sends the same as a file upload notification.

    Attributes:
        device_id: Whose it was.
        blob_name: ``{device id}/{name}``.
        is_success: Whether the device said that the blob is there.
        status_code: What the device said, an HTTP status by custom.
        status_description: The same in words.
        correlation_id: Of the upload.
        size: The blob's size in bytes; ``None`` if there is no such blob.
        ended: When the device said so, in UTC.
    """

    device_id: str
    blob_name: str
    is_success: bool
    status_code: int
    status_description: str
    correlation_id: str
    size: int | None
    ended: datetime
