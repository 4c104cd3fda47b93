"""What can go wrong between a device and its hub.

Every error that comes from the hub or the way to it is an :class:`IotHubError`. A bad argument is a plain
``ValueError`` or ``TypeError`` that names the argument or the path within it. No error ever holds a key or a
token.
"""

from __future__ import annotations

from typing import Any


class IotHubError(Exception):
    """The root of this package's errors.

    Attributes:
        acknowledged: With ``send_messages``, how many messages the hub had acknowledged when the call ended.
    """

    acknowledged: int | None = None


class ConnectionFailed(IotHubError, ConnectionError):
    """No connection could be made.

    Attributes:
        step: Where it failed: ``"DNS"``, ``"TCP"``, ``"proxy"``, ``"trust bundle"`` (the IoT Edge runtime did not say
            which roots to trust), ``"TLS"``, ``"credentials"`` (a signature or token that was not to be had),
            ``"WebSocket"`` or ``"MQTT CONNECT"``.
    """

    def __init__(self, text: str, *, step: str | None = None) -> None:
        """Take the text and the step."""
        super().__init__(text)
        self.step = step


class AuthenticationFailed(IotHubError):
    """The hub refused the credentials.

    IoT Hub answers CONNECT with code 5 for a wrong key, an expired token and an unknown device alike, so that
    the text names the usual causes.
    """


class CertificateExpiresSoon(UserWarning):
    """A warning: the client certificate expires within 30 days."""


class ConnectionLost(IotHubError, ConnectionError):
    """The connection was lost, and whether the hub carried the operation out is not known."""


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
    """A message has more than 262,144 bytes by the service's own count, or its topic more than 65,535.

    The service counts the body, the values of system properties, and the names and values of the
    application's (IoT Hub docs, "Create and read IoT Hub messages"). Nothing was sent.
    """


class ClientClosed(IotHubError):
    """The client was closed, before the call or while it ran."""


class ThreadUnavailable(IotHubError, RuntimeError):
    """The system gives no further thread, for the connections of this process or for handlers.

    A limit on processes or memory is reached: ``ulimit -u``, the ``pids`` or ``memory`` limit of a container.
    """


class DamagedState(ValueError):
    """A file of a local hub's state directory does not hold what it should; to callers a ``ValueError``."""
