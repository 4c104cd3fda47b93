"""Messages, and the state of published messages."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from azmqtt.paho._enums import MQTTErrorCode, error_string

if TYPE_CHECKING:
    from collections.abc import Iterator

PayloadType: TypeAlias = str | bytes | bytearray | int | float | None

#: The limit of MQTT (MQTT 3.1.1 §2.2.3).
_MAX_PAYLOAD = 268_435_455


def encode_payload(payload: PayloadType) -> bytes:
    """Return a payload as bytes.

    Raises:
        TypeError: The type of the payload is not supported.
        ValueError: The payload is too large for MQTT.
    """
    if payload is None:
        encoded = b""
    elif isinstance(payload, str):
        encoded = payload.encode()
    elif isinstance(payload, (int, float)):
        encoded = str(payload).encode()
    elif isinstance(payload, (bytes, bytearray)):
        encoded = bytes(payload)
    else:
        raise TypeError(f"payload must be str, bytes, bytearray, int, float or None, not {type(payload).__name__}")
    if len(encoded) > _MAX_PAYLOAD:
        raise ValueError(f"payload must have at most {_MAX_PAYLOAD} bytes")
    return encoded


class MQTTMessageInfo:
    """The state of a published message. It can be unpacked and indexed like `(rc, mid)`."""

    __slots__ = ("_condition", "_position", "_published", "mid", "rc")

    def __init__(self, mid: int) -> None:
        #: The message id.
        self.mid: int = mid
        #: The result of `publish`; `MQTT_ERR_NO_CONN` at QoS 1 means that the message waits for a connection.
        self.rc: MQTTErrorCode = MQTTErrorCode.MQTT_ERR_SUCCESS
        self._published = False
        self._condition = threading.Condition()
        self._position = 0

    def __str__(self) -> str:
        return f"({self.rc}, {self.mid})"

    def __getitem__(self, index: int) -> int:
        if index == 0:
            return self.rc
        if index == 1:
            return self.mid
        raise IndexError("it has two items, rc and mid")

    def __iter__(self) -> Iterator[int]:
        self._position = 0
        return self

    def __next__(self) -> int:
        if self._position > 1:
            raise StopIteration
        self._position += 1
        return self[self._position - 1]

    next = __next__

    def _settle(self, rc: MQTTErrorCode | None = None) -> None:
        with self._condition:
            if rc is not None:
                self.rc = rc
            self._published = True
            self._condition.notify_all()

    def wait_for_publish(self, timeout: float | None = None) -> None:
        """Wait until the message is written (QoS 0) or acknowledged (QoS 1), or the timeout has passed.

        A loop must run in another thread.

        Args:
            timeout: In seconds; `None` waits without a limit.

        Raises:
            ValueError: The queue was full.
            RuntimeError: The message could not be published at once.
        """
        self._check()
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._condition:
            while not self._published:
                # Waits of at most a second, so that Ctrl-C works on every system.
                left = 1.0 if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    break
                self._condition.wait(min(left, 1.0))
        self._check()

    def is_published(self) -> bool:
        """Whether the message is written (QoS 0) or acknowledged (QoS 1).

        Raises:
            ValueError: The queue was full.
            RuntimeError: The message could not be published at once.
        """
        self._check()
        return self._published

    def _check(self) -> None:
        if self.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            raise ValueError("the message was refused: the queue is full")
        if self.rc > 0:
            raise RuntimeError(f"the message could not be published at once: {error_string(self.rc)}")


class MQTTMessage:
    """A message."""

    __slots__ = ("_topic", "dup", "info", "mid", "payload", "properties", "qos", "retain", "state", "timestamp")

    def __init__(self, mid: int = 0, topic: bytes = b"") -> None:
        #: When the message was sent or received, by `time.monotonic`.
        self.timestamp: float = 0.0
        self.state: int = 0
        #: The DUP flag: the message may be a repetition.
        self.dup: bool = False
        #: The message id; 0 for a message received at QoS 0.
        self.mid: int = mid
        self._topic = topic
        self.payload: bytes = b""
        self.qos: int = 0
        #: Whether the broker retained it from before the subscription.
        self.retain: bool = False
        self.info: MQTTMessageInfo = MQTTMessageInfo(mid)
        #: The MQTT 5 properties, always `None`.
        self.properties: Any = None

    @property
    def topic(self) -> str:
        """The topic that it was published to."""
        return self._topic.decode()

    @topic.setter
    def topic(self, value: bytes) -> None:
        self._topic = value

    def __eq__(self, other: object) -> bool:
        return self.mid == other.mid if isinstance(other, MQTTMessage) else False

    # As in paho: messages are compared by their id, and are not hashable.
    __hash__: ClassVar[None] = None  # type: ignore[assignment]
