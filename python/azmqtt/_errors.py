"""What can go wrong between a client and its hub or broker.

Every error of this package is an :class:`Error`; what a :class:`~azmqtt.DeviceClient` raises is an
:class:`IotHubError`. A bad argument is a plain ``ValueError`` or ``TypeError`` that names the argument or the path
within it. No error ever holds a key or a token.
"""

from __future__ import annotations

from typing import Any


class Error(Exception):
    """The root of this package's errors.

    Attributes:
        acknowledged: With ``send_messages`` and ``publish_many``, how many messages the hub or broker had
            acknowledged when the call ended.
    """

    acknowledged: int | None = None


class IotHubError(Error):
    """The root of what goes wrong with an IoT Hub.

    Some of its classes, such as :class:`ConnectionFailed`, are raised by :class:`~azmqtt.MqttClient` too, whatever
    the broker is: catch :class:`Error` there.
    """


class ConnectionFailed(IotHubError, ConnectionError):
    """No connection could be made.

    Attributes:
        step: Where it failed: ``"DNS"``, ``"TCP"``, ``"proxy"``, ``"trust bundle"`` (the IoT Edge runtime did not say
            which roots to trust), ``"TLS"``, ``"credentials"`` (a signature or token that was not to be had),
            ``"WebSocket"`` or ``"MQTT CONNECT"``.
        reason_code: The code of a broker's CONNACK (MQTT 5 §2.4); ``None`` from a hub, or if it came to none.
    """

    def __init__(self, text: str, *, step: str | None = None, reason_code: int | None = None) -> None:
        """Take the text and the step."""
        super().__init__(text)
        self.step = step
        self.reason_code = reason_code


class AuthenticationFailed(IotHubError):
    """The hub or broker refused the credentials, or there were none to show.

    IoT Hub answers CONNECT with code 5 for a wrong key, an expired token and an unknown device alike, so that
    the text names the usual causes.

    Attributes:
        reason_code: The broker's code (MQTT 5 §2.4), such as 0x87; ``None`` from a hub, or if there was none.
    """

    def __init__(self, text: str, *, reason_code: int | None = None) -> None:
        """Take the text and the code."""
        super().__init__(text)
        self.reason_code = reason_code


class CertificateExpiresSoon(UserWarning):
    """A warning: the client certificate expires within 30 days."""


class ConnectionLost(IotHubError, ConnectionError):
    """The connection was lost, and whether the hub or broker carried the operation out is not known.

    Attributes:
        reason_code: The code of a broker's DISCONNECT (MQTT 5 §2.4), if it sent one.
    """

    def __init__(self, text: str, *, reason_code: int | None = None) -> None:
        """Take the text and the code."""
        super().__init__(text)
        self.reason_code = reason_code


class RequestTimeout(IotHubError, TimeoutError):
    """No answer came within the call's ``timeout``."""


class RequestFailed(IotHubError):
    """The hub answered with a status other than success.

    Attributes:
        status: The HTTP-like status of the answer, such as 400.
        error_code: The service's six-digit code, such as 400004 (IoT Hub docs, "Understand and resolve errors");
            ``None`` when the answer had none.
        message: The service's text.
        tracking_id: To quote to Azure support.
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
    """The hub asks for fewer requests (429).

    Attributes:
        retry_after: Seconds to wait before another try, when the service said so.
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
    """The reported properties no longer have the version of ``if_version`` (412)."""


class UploadFailed(IotHubError):
    """Blob Storage did not take a file, or a part of it.

    Attributes:
        step: The request that was refused, such as ``"Put Block"``.
        status: Its HTTP status, if there was an answer.
        error_code: Storage's own code, such as ``"AuthenticationFailed"`` (Azure Storage docs, "Blob Storage error
            codes"); ``None`` when the answer had none.
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

    ``status`` is 401 for wrong credentials, 404 for an unknown enrolment, 409 for a registration that is under way
    already; 200 when the service answered that the registration has failed or is disabled, with its ``error_code`` such
    as 400207 for a custom allocation policy that failed.

    Attributes:
        registration_state: The state of the registration as the service wrote it, if it did.
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
    """An answer of the hub, or of the provisioning service, makes no sense."""


class OutboxFull(IotHubError):
    """As many messages wait to be acknowledged as the ``outbox`` option allows; nothing was sent."""


class MessageTooLarge(IotHubError, ValueError):
    """A message to a hub has more than 262,144 bytes by the service's own count, or its topic more than 65,535.

    The service counts the body, the values of system properties, and the names and values of the
    application's (IoT Hub docs, "Create and read IoT Hub messages"). To another broker: the packet is larger than the
    broker's Maximum Packet Size. Nothing was sent.
    """


class ClientClosed(IotHubError):
    """The client was closed, before the call or while it ran."""


class ThreadUnavailable(IotHubError, RuntimeError):
    """The system gives no further thread, for the connections of this process or for handlers.

    A limit on processes or memory is reached: ``ulimit -u``, the ``pids`` or ``memory`` limit of a container.
    """


class PublishRefused(Error):
    """The broker did not accept a message: its acknowledgement has a reason code of 0x80 or more (MQTT 5 §3.4.2.1).

    Attributes:
        reason_code: The code, such as 0x87 for "Not authorized".
        reason_string: What the broker says besides, if it does.
        refused: With ``publish_many``, how many messages were refused; ``reason_code`` is that of the first.
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
    """The broker did not grant every filter of a subscription; those that it granted count (MQTT 5 §3.9.3).

    Attributes:
        reason_codes: The code for each filter, in the order of the call: 0 to 2 is the granted QoS, 0x80 and more is
            a refusal.
        reason_string: What the broker says besides, if it does.
    """

    def __init__(self, text: str, *, reason_codes: tuple[int, ...] = (), reason_string: str | None = None) -> None:
        """Take the text and what the broker said."""
        super().__init__(text)
        self.reason_codes: tuple[int, ...] = tuple(reason_codes)
        self.reason_string = reason_string


class MessageExpired(Error):
    """A message waited here for longer than its ``message_expiry``; it was not sent."""


class DeliveryUnknown(Error):
    """Whether a message at QoS 2 arrived is not known: the session was lost before the broker said PUBREC.

    It is not sent again, because that could deliver it twice (MQTT 5 §4.3.3).
    """


class SessionLost(Error):
    """The broker has forgotten the session, with its subscriptions and what was under way in it.

    Calls end with it where ``lost_session="fail"``.
    """


class SessionTakenOver(ConnectionLost):
    """Another connection has the client id now (reason code 0x8E), and this client does not fight for it.

    Its calls end with this until :meth:`~azmqtt.MqttClient.connect` takes the client id back.
    """


class ServerMoved(ConnectionFailed):
    """The broker says to use another one (reason codes 0x9C and 0x9D, MQTT 5 §4.11).

    Attributes:
        server_reference: Which, if it says so.
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
    """The broker does not have what a call asks for, such as QoS 2; nothing was sent.

    CONNACK says so (MQTT 5 §3.2.2.3). For MQTT 3.1.1, which has no properties, the client knows by itself.
    """


class DamagedState(ValueError):
    """A file of a local hub's state directory does not hold what it should; to callers a ``ValueError``."""
