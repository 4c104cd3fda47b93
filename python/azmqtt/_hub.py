"""A local IoT Hub: what a device can meet on a real hub, on this machine, with no account."""

from __future__ import annotations

import json
import time
import uuid
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from azmqtt import _core

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

    from azmqtt import DeviceClient

__all__ = ["LocalDevice", "LocalHub", "MethodResult", "TelemetryMessage"]

#: How long a call into the core may block, in seconds, before Python looks for Ctrl-C.
_TICK = 0.05


@dataclass(frozen=True)
class LocalDevice:
    """A device of a local hub, with what it needs to connect.

    Attributes:
        device_id: The device's id.
        connection_string: ``HostName=…;DeviceId=…;SharedAccessKey=…``. It holds the key, so ``repr``
            leaves it out.
    """

    device_id: str
    connection_string: str = field(repr=False)


@dataclass(frozen=True)
class TelemetryMessage:
    """A device-to-cloud message as a local hub took it.

    Attributes:
        device_id: The device that sent it.
        body: The bytes as sent.
        properties: The application's own properties.
        system_properties: The system properties under the names that service applications read: the
            device's own (``message-id``, ``content-type``, …) and the hub's stamps
            (``iothub-connection-device-id``, ``iothub-enqueuedtime``, …). See "Create and read IoT Hub
            messages" in the IoT Hub docs.
        enqueued_time: When the hub took it, in UTC.
        sequence: Counts the messages of the whole hub, from 1.
    """

    device_id: str
    body: bytes
    properties: dict[str, str]
    system_properties: dict[str, str]
    enqueued_time: datetime
    sequence: int

    @property
    def text(self) -> str:
        """The body as UTF-8 text.

        Raises:
            UnicodeDecodeError: The body is something else.
        """
        return self.body.decode()

    def json(self) -> Any:
        """Return the body, parsed as JSON.

        Raises:
            ValueError: The body is something else.
        """
        return json.loads(self.body)


@dataclass(frozen=True)
class MethodResult:
    """What a device answered to a direct method.

    Attributes:
        status: The method's own status, any integer.
        payload: What it returned, read as JSON; ``None`` for nothing.
    """

    status: int
    payload: Any


class LocalHub:
    """A hub on this machine that speaks MQTT over TLS as Azure IoT Hub does.

    It listens as soon as it is made, on a thread of its own, until :meth:`close` or the end of a ``with``::

        with azmqtt.LocalHub() as hub, hub.device_client("dev1") as client:
            client.send_message({"temperature": 21.5})
            print(hub.wait_for_telemetry("dev1")[0].json())

    Args:
        host: The address to listen on. The default is this machine alone.
        port: The TCP port; 0 picks a free one.
        state: A directory where devices, keys, certificates and twins stay across restarts, made if it
            is missing. Without one they end with the hub.
        hostname: The name in connection strings and in the certificate.
        record: Whether telemetry is kept (the newest 100,000 messages or 64 MiB) or only counted.

    Raises:
        OSError: The port is in use, or a file cannot be read or written.
        ValueError: An argument is out of its range, or a file of the state directory is damaged; names
            it.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        state: str | os.PathLike[str] | None = None,
        hostname: str = "localhost",
        record: bool = True,
    ) -> None:
        """Start the hub."""
        if not 0 <= port <= 65535:  # noqa: PLR2004 - every reader knows this number
            msg = f"port must be 0 to 65535, not {port}"
            raise ValueError(msg)
        self._core = _core.Hub(host, port, hostname, state, record)
        # Also at the interpreter's exit, so that no temporary file stays.
        self._finalizer = weakref.finalize(self, self._core.stop)

    def __enter__(self) -> Self:
        """Return the hub, which runs already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the hub."""
        self.close()

    def __repr__(self) -> str:
        """Say where it listens."""
        state = "stopped" if self._core.stopped else f"{self.hostname}:{self.port}"
        return f"<LocalHub {state}, {len(self._core.device_ids())} devices>"

    def close(self) -> None:
        """Stop the hub: end every connection, free the port. What was recorded can still be read."""
        self._finalizer()

    @property
    def hostname(self) -> str:
        """The name devices know the hub by: ``HostName`` in connection strings."""
        return self._core.hostname

    @property
    def port(self) -> int:
        """The TCP port it listens on."""
        return self._core.port

    @property
    def ca_file(self) -> str:
        """The path of a PEM file with the certificate that devices must trust; there until the hub stops."""
        return str(self._core.ca_file)

    @property
    def ca_pem(self) -> str:
        """The certificate that devices must trust, in PEM."""
        return self._core.ca_pem

    def create_device(self, device_id: str | None = None, key: str | None = None) -> LocalDevice:
        """Make a device.

        Args:
            device_id: At most 128 ASCII letters, digits and ``- . % _ * ? ! ( ) , : = @ $ '``; a random one
                if absent.
            key: Its symmetric key in base64; a random one if absent.

        Raises:
            ValueError: There is such a device already, or an argument breaks a rule.
        """
        if device_id is None:
            device_id = f"device-{uuid.uuid4().hex[:8]}"
        self._core.create_device(device_id, key)
        return self.device(device_id)

    def device(self, device_id: str) -> LocalDevice:
        """Return what a device needs to connect.

        Raises:
            LookupError: There is no such device.
        """
        return LocalDevice(device_id, self._core.connection_string(device_id))

    def devices(self) -> list[LocalDevice]:
        """Return all devices, in the order of their ids."""
        return [self.device(device_id) for device_id in self._core.device_ids()]

    def remove_device(self, device_id: str) -> None:
        """Forget a device. Its connection ends.

        Raises:
            LookupError: There is no such device.
        """
        self._core.remove_device(device_id)

    def set_enabled(self, device_id: str, enabled: bool) -> None:  # noqa: FBT001 - its meaning is plain
        """Let a device connect or not. The connection of one that may not ends.

        Raises:
            LookupError: There is no such device.
        """
        self._core.set_enabled(device_id, enabled)

    def device_client(self, device_id: str, **options: Any) -> DeviceClient:
        """Return a client for a device, made if there is none; it connects with its first call.

        Args:
            device_id: The device's id.
            **options: Passed on to :meth:`azmqtt.DeviceClient.from_connection_string`.
        """
        import azmqtt

        if not self._core.has_device(device_id):
            self._core.create_device(device_id, None)
        options = {"trust": self.ca_file, "port": self.port, **options}
        connection_string = self._core.connection_string(device_id)
        return azmqtt.DeviceClient.from_connection_string(connection_string, **options)

    def twin(self, device_id: str) -> dict[str, Any]:
        """Return a device's twin as a service application sees it.

        The shape is ``{"deviceId", "etag", "version", "tags", "properties": {"desired", "reported"}, …}``,
        both sections with ``$version`` and ``$metadata`` (IoT Hub docs, "Understand and use device twins").

        Raises:
            LookupError: There is no such device.
        """
        twin: dict[str, Any] = json.loads(self._core.twin(device_id))
        return twin

    def patch_desired(self, device_id: str, patch: Mapping[str, Any]) -> int:
        """Change desired properties as a service application would; ``None`` deletes a property.

        A device that is connected and has subscribed is notified.

        Returns:
            Their new ``$version``.

        Raises:
            TypeError: The patch is no mapping, or holds what JSON does not.
            ValueError: The patch breaks a limit of twins; names the path.
            LookupError: There is no such device.
        """
        if not isinstance(patch, Mapping):
            raise TypeError(f"patch must be a mapping, not {type(patch).__name__}")
        return self._core.patch_desired(device_id, json.dumps(dict(patch), allow_nan=False))

    def telemetry(self, device_id: str | None = None, *, after: int = 0) -> list[TelemetryMessage]:
        """Return the recorded messages of a device, or of all, oldest first.

        Args:
            device_id: Whose messages; everybody's if absent. A device that is unknown or was removed has those
                that it sent, which may be none.
            after: Only those with a higher ``sequence``, to look again for what came since.
        """
        return [
            TelemetryMessage(
                device_id=source,
                body=body,
                properties=dict(application),
                system_properties=dict(system),
                enqueued_time=datetime.fromtimestamp(enqueued, timezone.utc),
                sequence=sequence,
            )
            for sequence, source, body, application, system, enqueued in self._core.telemetry(device_id, after)
        ]

    def telemetry_count(self, device_id: str | None = None) -> int:
        """Return how many messages a device has sent, or all; those no longer kept are included.

        Raises:
            LookupError: There is no such device.
        """
        return self._core.telemetry_count(device_id)

    def wait_for_telemetry(
        self, device_id: str | None = None, count: int = 1, timeout: float | None = 10
    ) -> list[TelemetryMessage]:
        """Wait until at least ``count`` messages have come since the hub started; return all that are kept.

        Args:
            device_id: Whose messages; everybody's if absent.
            count: How many at least.
            timeout: In seconds; ``None`` waits for ever.

        Raises:
            TimeoutError: Fewer came in time; says how many.
            LookupError: There is no such device.
        """
        if not _wait(lambda tick: self._core.wait_for_count(device_id, count, tick), timeout):
            msg = f"{self.telemetry_count(device_id)} of {count} messages came within {timeout} s"
            raise TimeoutError(msg)
        return self.telemetry(device_id)

    def send_c2d(self, device_id: str, body: bytes | str, properties: Mapping[str, str] | None = None) -> None:
        """Queue a cloud-to-device message, delivered when the device is connected and has subscribed.

        Args:
            device_id: Whom to.
            body: At most 64 KB, properties included.
            properties: The application's own; ``$.mid``, ``$.cid``, ``$.ct`` and the like set system
                properties.

        Raises:
            TypeError: The body is neither bytes nor text.
            ValueError: The message is too large, or a property breaks a rule.
            RuntimeError: 50 messages wait for the device already.
            LookupError: There is no such device.
        """
        if isinstance(body, str):
            body = body.encode()
        if not isinstance(body, bytes | bytearray | memoryview):
            raise TypeError(f"body must be bytes or str, not {type(body).__name__}")
        self._core.send_c2d(device_id, bytes(body), list((properties or {}).items()))

    def pending_c2d(self, device_id: str) -> int:
        """Return how many cloud-to-device messages the device has not acknowledged.

        Raises:
            LookupError: There is no such device.
        """
        return self._core.pending_c2d(device_id)

    def invoke_method(
        self,
        device_id: str,
        name: str,
        payload: Any = None,
        *,
        response_timeout: float = 30,
        connect_timeout: float = 0,
    ) -> MethodResult:
        """Call a direct method on a device and wait for its answer, as a service application does.

        Args:
            device_id: Whose method.
            name: Its name: printable ASCII, no spaces or separators.
            payload: Anything JSON-able of at most 128 KiB.
            response_timeout: How long the device may take to answer, 5 to 300 s.
            connect_timeout: How long it may take to be connected and subscribed, 0 to 300 s.

        Returns:
            What the device answered, whatever its status.

        Raises:
            RequestFailed: There was no answer. Its ``error_code`` is the service's: 404103 for a device that is not
                connected and subscribed in time, 504101 for one that does not answer in time, 400027 for one that
                connects anew meanwhile, 404104 for one whose connection ends.
            BadAnswer: The device's answer is not JSON.
            ValueError: An argument breaks a rule.
            LookupError: There is no such device.
            RuntimeError: The hub is stopped.
        """
        if not 5 <= response_timeout <= 300:  # noqa: PLR2004 - the service's bounds
            msg = f"response_timeout must be within [5; 300] s, not {response_timeout}"
            raise ValueError(msg)
        if not 0 <= connect_timeout <= 300:  # noqa: PLR2004 - the service's bounds
            msg = f"connect_timeout must be within [0; 300] s, not {connect_timeout}"
            raise ValueError(msg)
        return self._invoke_method(device_id, name, payload, response_timeout, connect_timeout)

    def _invoke_method(
        self, device_id: str, name: str, payload: Any, response_timeout: float, connect_timeout: float
    ) -> MethodResult:
        """Call a method with any timeouts."""
        text = json.dumps(payload, allow_nan=False)
        call = self._core.begin_method(device_id, name, text, response_timeout, connect_timeout)
        while (answer := call.wait(_TICK)) is None:
            if self._core.stopped:
                raise RuntimeError("the hub was stopped before the device could be called")
        status, body = answer
        try:
            return MethodResult(status, json.loads(body) if body else None)
        except ValueError:
            from azmqtt._errors import BadAnswer

            msg = f"{device_id} answered {status} to {name} with a body that is not JSON"
            raise BadAnswer(msg) from None

    def connected(self, device_id: str) -> bool:
        """Return whether the device is connected.

        Raises:
            LookupError: There is no such device.
        """
        return self._core.connected(device_id)

    def wait_for_connection(self, device_id: str, *, connected: bool = True, timeout: float | None = 10) -> None:
        """Wait until the device is connected, or with ``connected=False`` until it is not.

        Raises:
            TimeoutError: It did not come to that in time.
            LookupError: There is no such device.
        """
        if not _wait(lambda tick: self._core.wait_for_connection(device_id, connected, tick), timeout):
            state = "connect" if connected else "disconnect"
            msg = f"{device_id} did not {state} within {timeout} s"
            raise TimeoutError(msg)

    def connection_count(self, device_id: str) -> int:
        """Return how many connections of the device were accepted since the hub started.

        Raises:
            LookupError: There is no such device.
        """
        return self._core.connection_count(device_id)

    def disconnect(self, device_id: str) -> bool:
        """Drop the device's connection without a word, as a broken network does.

        Returns:
            False if there was none.

        Raises:
            LookupError: There is no such device.
        """
        return self._core.disconnect(device_id)

    def expire_token(self, device_id: str) -> bool:
        """End the device's connection as if its SAS token had expired.

        Returns:
            False if there was none.

        Raises:
            LookupError: There is no such device.
        """
        return self._core.expire_token(device_id)

    def last_close(self, device_id: str) -> str | None:
        """Return why the device's last connection ended, in words; MQTT itself has none.

        Raises:
            LookupError: There is no such device.
        """
        return self._core.last_close(device_id)

    @property
    def last_refusal(self) -> str | None:
        """Why the last refused connection was refused, in words."""
        return self._core.last_refusal


def _wait(poll: Callable[[float], bool], timeout: float | None) -> bool:
    """Call ``poll`` with a number of seconds to wait, again and again, so that Ctrl-C is seen in between."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = _TICK if deadline is None else max(0.0, min(_TICK, deadline - time.monotonic()))
        if poll(left):
            return True
        if left == 0:
            return False
