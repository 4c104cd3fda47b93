"""The errors of clients.

Every error of this package is an :class:`Error`; those of a :class:`~azmqtt.DeviceClient` are
:class:`IotHubError`. An invalid argument raises a plain ``ValueError`` or ``TypeError`` that names the argument, or the
path within it. No error contains a key or a token.
"""

from __future__ import annotations

from typing import Any


class Error(Exception):
    """The base class of this package's errors.

    Attributes:
        acknowledged: For ``send_messages`` and ``publish_many``, the number of messages that the hub or broker had
            acknowledged when the call ended.
    """

    acknowledged: int | None = None


class IotHubError(Error):
    """The base class of errors with an IoT Hub.

    :class:`~azmqtt.MqttClient` raises some of its subclasses too, such as :class:`ConnectionFailed`, and other errors:
    catch :class:`Error` there.
    """


class ConnectionFailed(IotHubError, ConnectionError):
    """The client could not connect.

    Attributes:
        step: The step that failed: ``"DNS"``, ``"TCP"``, ``"proxy"``, ``"trust bundle"`` (the IoT Edge runtime did not
            return the roots to trust), ``"TLS"``, ``"credentials"`` (a signature or token was not available),
            ``"WebSocket"`` or ``"MQTT CONNECT"``.
        reason_code: The reason code of a broker's CONNACK (MQTT 5 §2.4); ``None`` for a hub, or without a CONNACK.
    """

    def __init__(self, text: str, *, step: str | None = None, reason_code: int | None = None) -> None:
        """Take the text and the step."""
        super().__init__(text)
        self.step = step
        self.reason_code = reason_code


class AuthenticationFailed(IotHubError):
    """The hub or broker refused the credentials, or the client has no credentials.

    IoT Hub answers CONNECT with code 5 for a wrong key, an expired token and an unknown device alike, so the text
    lists the usual causes.

    Attributes:
        reason_code: The broker's reason code (MQTT 5 §2.4), such as 0x87; ``None`` for a hub, or without a code.
    """

    def __init__(self, text: str, *, reason_code: int | None = None) -> None:
        """Take the text and the code."""
        super().__init__(text)
        self.reason_code = reason_code


class CertificateExpiresSoon(UserWarning):
    """A warning: the client certificate expires within 30 days."""


class ConnectionLost(IotHubError, ConnectionError):
    """The connection was lost. It is unknown whether the hub or broker carried out the operation.

    Attributes:
        reason_code: The reason code of a broker's DISCONNECT (MQTT 5 §2.4), if it sent one.
    """

    def __init__(self, text: str, *, reason_code: int | None = None) -> None:
        """Take the text and the code."""
        super().__init__(text)
        self.reason_code = reason_code


class RequestTimeout(IotHubError, TimeoutError):
    """No answer arrived within the call's ``timeout``."""


class RequestFailed(IotHubError):
    """The hub answered with a status other than success.

    Attributes:
        status: The HTTP-like status of the answer, such as 400.
        error_code: The service's six-digit code, such as 400004 (IoT Hub docs, "Understand and resolve errors");
            ``None`` if the answer has none.
        message: The service's text.
        tracking_id: The tracking id, for requests to Azure support.
    """

    def __init__(
        self,
        text: str,
        *,
        status: int = 0,
        error_code: int | None = None,
        message: str = "",
        tracking_id: str | None = None,
    ) -> None:
        """Take the text and what the service said."""
        super().__init__(text)
        self.status = status
        self.error_code = error_code
        self.message = message
        self.tracking_id = tracking_id


class Throttled(RequestFailed):
    """The hub throttles requests (429).

    Attributes:
        retry_after: Seconds to wait before the next attempt, if the service gave them.
    """

    def __init__(
        self,
        text: str,
        *,
        status: int = 429,
        error_code: int | None = None,
        message: str = "",
        tracking_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(text, status=status, error_code=error_code, message=message, tracking_id=tracking_id)
        self.retry_after = retry_after


class PreconditionFailed(RequestFailed):
    """The version of the reported properties is no longer ``if_version`` (412)."""


class UploadFailed(IotHubError):
    """Blob Storage refused a file or a part of it.

    Attributes:
        step: The refused request, such as ``"Put Block"``.
        status: Its HTTP status, if Storage answered.
        error_code: The code of Storage, such as ``"AuthenticationFailed"`` (Azure Storage docs, "Blob Storage error
            codes"); ``None`` if the answer has none.
    """

    def __init__(
        self, text: str, *, step: str | None = None, status: int | None = None, error_code: str | None = None
    ) -> None:
        """Take the text and what Storage said."""
        super().__init__(text)
        self.step = step
        self.status = status
        self.error_code = error_code


class ProvisioningFailed(RequestFailed):
    """The provisioning service did not assign the device to a hub.

    ``status`` is 401 for wrong credentials, 404 for an unknown enrolment, and 409 if a registration is already in
    progress. It is 200 if the service answers that the registration failed or is disabled; ``error_code`` then gives
    the cause, such as 400207 for a failed custom allocation policy.

    Attributes:
        registration_state: The state of the registration as the service sent it, if it did.
    """

    def __init__(
        self,
        text: str,
        *,
        status: int = 0,
        error_code: int | None = None,
        message: str = "",
        tracking_id: str | None = None,
        registration_state: dict[str, Any] | None = None,
    ) -> None:
        """Take the text and what the service said."""
        super().__init__(text, status=status, error_code=error_code, message=message, tracking_id=tracking_id)
        self.registration_state = registration_state


class BadAnswer(IotHubError):
    """An answer of the hub or of the provisioning service is invalid."""


class OutboxFull(IotHubError):
    """The outbox is full: the ``outbox`` option limits the messages that wait for acknowledgement. Nothing was sent."""


class MessageTooLarge(IotHubError, ValueError):
    """A message is too large. Nothing was sent.

    For a hub, the limit is 262,144 bytes, counted as the service does: the body, the values of system properties, and
    the names and values of application properties (IoT Hub docs, "Create and read IoT Hub messages"). The topic may
    have 65,535 bytes. For another broker, the limit is its Maximum Packet Size.
    """


class ClientClosed(IotHubError):
    """The client was closed before or during the call."""


class ThreadUnavailable(IotHubError, RuntimeError):
    """The system cannot start another thread, for the connections of this process or for handlers.

    A limit on processes or memory has been reached: ``ulimit -u``, or the ``pids`` or ``memory`` limit of a container.
    """


class PublishRefused(Error):
    """The broker refused a message: its acknowledgement has a reason code of 0x80 or more (MQTT 5 §3.4.2.1).

    Attributes:
        reason_code: The reason code, such as 0x87 for "Not authorized".
        reason_string: The broker's Reason String, if any.
        refused: For ``publish_many``, the number of refused messages; ``reason_code`` is that of the first.
    """

    def __init__(
        self, text: str, *, reason_code: int = 0x80, reason_string: str | None = None, refused: int = 1
    ) -> None:
        """Take the text and what the broker said."""
        super().__init__(text)
        self.reason_code = reason_code
        self.reason_string = reason_string
        self.refused = refused


class SubscribeRefused(Error):
    """The broker did not grant every filter of a subscription. The granted filters are subscribed (MQTT 5 §3.9.3).

    Attributes:
        reason_codes: The reason code for each filter, in the order of the call: 0 to 2 is the granted QoS, 0x80 or more
            is a refusal.
        reason_string: The broker's Reason String, if any.
    """

    def __init__(self, text: str, *, reason_codes: tuple[int, ...] = (), reason_string: str | None = None) -> None:
        """Take the text and what the broker said."""
        super().__init__(text)
        self.reason_codes: tuple[int, ...] = tuple(reason_codes)
        self.reason_string = reason_string


class MessageExpired(Error):
    """A message waited in the client for longer than its ``message_expiry``; it was not sent."""


class DeliveryUnknown(Error):
    """It is unknown whether a message at QoS 2 arrived: the session was lost before the broker sent PUBREC.

    The client does not send it again, because that could deliver it twice (MQTT 5 §4.3.3).
    """


class SessionLost(Error):
    """The broker has lost the session, with its subscriptions and unfinished messages.

    Calls raise it with ``lost_session="fail"``.
    """


class SessionTakenOver(ConnectionLost):
    """Another connection has taken over the session (reason code 0x8E). The client does not reconnect by itself.

    Its calls raise this until :meth:`~azmqtt.MqttClient.connect` takes the session back.
    """


class ServerMoved(ConnectionFailed):
    """The broker asks the client to use another server (reason codes 0x9C and 0x9D, MQTT 5 §4.11).

    Attributes:
        server_reference: The other server, if the broker names it.
    """

    def __init__(
        self,
        text: str,
        *,
        step: str | None = None,
        reason_code: int | None = None,
        server_reference: str | None = None,
    ) -> None:
        """Take the text and what the broker said."""
        super().__init__(text, step=step, reason_code=reason_code)
        self.server_reference = server_reference


class NotSupported(Error, ValueError):
    """The broker does not support a feature that a call needs, such as QoS 2. Nothing was sent.

    The broker announces this in CONNACK (MQTT 5 §3.2.2.3). MQTT 3.1.1 has no such announcement; the client knows what
    that version lacks.
    """


class DamagedState(ValueError):
    """A file of a local hub's state directory is damaged. It is also a ``ValueError``."""
