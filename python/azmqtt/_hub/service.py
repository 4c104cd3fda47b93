"""What a service application does on a hub: read telemetry and twins, send messages, call methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, overload

from azmqtt import _core
from azmqtt._hub.awaited import ONE, TEN_SECONDS, Awaited, wait_for_match
from azmqtt._hub.cloud_messages import CloudMessagesMixin
from azmqtt._hub.uploads import UploadsMixin
from azmqtt._support.arguments import is_dataclass, method_timeouts, module_of_a_device, not_negative
from azmqtt._support.waiting import Steps, run, run_async
from azmqtt._types import MethodResult

if TYPE_CHECKING:
    from azmqtt._hub_types import TelemetryMessage
    from azmqtt._types import JsonObject
    from azmqtt.data import MessageList


class ServiceMixin(CloudMessagesMixin, UploadsMixin):
    """The part of :class:`~azmqtt.LocalHub` that a service application sees."""

    _core: _core.Hub
    _json_default: Callable[[Any], Any] | None

    def twin(self, device_id: str, *, module_id: str | None = None) -> dict[str, Any]:
        """Return a device's or module's twin as a service application sees it.

        The shape is ``{"deviceId", "etag", "version", "tags", "properties": {"desired", "reported"}, …}``,
        both sections with ``$version`` and ``$metadata`` (IoT Hub docs, "Understand and use device twins").

        Raises:
            LookupError: There is no such device.
        """
        from azmqtt._support import strict_json

        twin: dict[str, Any] = strict_json.read(self._core.twin(device_id, module_id))
        return twin

    def patch_desired(self, device_id: str, patch: JsonObject | None, *, module_id: str | None = None) -> int:
        """Change desired properties as a service application would; ``None`` deletes a property.

        A device or module that is connected and has subscribed is notified.

        Args:
            device_id: Whose properties.
            patch: A JSON merge patch, a mapping or a dataclass; ``None`` in its place deletes all properties.
            module_id: The device's module, if they are the module's.

        Returns:
            Their new ``$version``.

        Raises:
            TypeError: The patch is not a mapping, or holds what JSON does not.
            ValueError: The patch breaks a limit of twins; names the path.
            LookupError: There is no such device.
        """
        if patch is not None and not isinstance(patch, Mapping) and not is_dataclass(patch):
            raise TypeError(f"patch must be a mapping, a dataclass or None, not {type(patch).__name__}")
        text = _core.json_text("patch", patch, self._json_default)
        return self._core.patch_desired(device_id, text, module_id)

    def telemetry(
        self, device_id: str | None = None, *, module_id: str | None = None, after: int = 0
    ) -> MessageList[TelemetryMessage]:
        """Return the recorded messages of a device or module, or of all, oldest first.

        ``hub.telemetry("dev1").to_pandas()`` makes a pandas frame of them: see :func:`azmqtt.data.frame`.

        Args:
            device_id: Whose messages; everybody's if absent. Those of a device that was removed can still be read.
            module_id: The device's module; without it, only what the device itself sent.
            after: Only those with a higher ``sequence``, to look again for what came since.

        Raises:
            LookupError: There is no such device or module, and no message of one.
            ValueError: A module without its device.
        """
        from datetime import datetime, timezone

        from azmqtt._hub_types import TelemetryMessage
        from azmqtt.data import MessageList

        module_of_a_device(device_id, module_id)
        not_negative("after", after)
        kept = self._core.telemetry(device_id, after, module_id)
        if not kept and device_id is not None and not self._core.telemetry(device_id, 0, module_id):
            # It raises for a device that is not there.
            self._core.telemetry_count(device_id, module_id)
        return MessageList(
            TelemetryMessage(
                device_id=source,
                module_id=module,
                body=body,
                properties=dict(application),
                system_properties=dict(system),
                enqueued_time=datetime.fromtimestamp(enqueued, timezone.utc),
                sequence=sequence,
            )
            for sequence, source, module, body, application, system, enqueued in kept
        )

    def telemetry_count(self, device_id: str | None = None, *, module_id: str | None = None) -> int:
        """Return how many messages a device or module has sent, or all; those no longer kept are included.

        Raises:
            LookupError: There is no such device or module.
            ValueError: A module without its device.
        """
        module_of_a_device(device_id, module_id)
        return self._core.telemetry_count(device_id, module_id)

    @overload
    def wait_for_telemetry(
        self,
        device_id: str | None = None,
        count: int = 1,
        timeout: float | None = 10,
        *,
        module_id: str | None = None,
    ) -> MessageList[TelemetryMessage]: ...

    @overload
    def wait_for_telemetry(
        self,
        predicate: Callable[[TelemetryMessage], object],
        timeout: float | None = 10,
        /,
        *,
        after: int = 0,
    ) -> TelemetryMessage: ...

    @overload
    def wait_for_telemetry(
        self,
        predicate: Callable[[TelemetryMessage], object],
        *,
        timeout: float | None = 10,
        after: int = 0,
    ) -> TelemetryMessage: ...

    @overload
    def wait_for_telemetry(
        self,
        device_id: str | None = None,
        *,
        predicate: Callable[[TelemetryMessage], object],
        timeout: float | None = 10,
        module_id: str | None = None,
        after: int = 0,
    ) -> TelemetryMessage: ...

    def wait_for_telemetry(  # type: ignore[misc]  # the first argument may be the predicate
        self,
        device_id: str | Callable[[TelemetryMessage], object] | None = None,
        count: Any = ONE,
        timeout: Any = TEN_SECONDS,
        *,
        predicate: Callable[[TelemetryMessage], object] | None = None,
        module_id: str | None = None,
        after: int = 0,
    ) -> MessageList[TelemetryMessage] | TelemetryMessage:
        """Wait until at least ``count`` messages have come since the hub started; return all that are kept.

        Or wait for a certain message, and return it::

            hub.wait_for_telemetry(lambda message: message.json()["temperature"] > 30, 5)

        Args:
            device_id: Whose messages; everybody's if absent. In its place, a predicate for everybody's, followed by the
                timeout.
            count: How many at least.
            timeout: In seconds; ``None`` waits without a limit. 10 s if absent.
            predicate: Says of a message whether it is the one; the first for which it does is returned, which may have
                come already.
            module_id: The device's module; without it, only what the device itself sends counts.
            after: With a predicate, only those with a higher ``sequence``.

        Raises:
            TimeoutError: Fewer came in time, or none that matches; says what came.
            LookupError: There is no such device or module.
            ValueError: A module without its device.
        """
        __tracebackhide__ = True
        asked = Awaited.read(device_id, count, timeout, predicate, after)
        return run(self._sent(asked, module_id), self._core)

    @overload
    async def wait_for_telemetry_async(
        self,
        device_id: str | None = None,
        count: int = 1,
        timeout: float | None = 10,
        *,
        module_id: str | None = None,
    ) -> MessageList[TelemetryMessage]: ...

    @overload
    async def wait_for_telemetry_async(
        self,
        predicate: Callable[[TelemetryMessage], object],
        timeout: float | None = 10,
        /,
        *,
        after: int = 0,
    ) -> TelemetryMessage: ...

    @overload
    async def wait_for_telemetry_async(
        self,
        predicate: Callable[[TelemetryMessage], object],
        *,
        timeout: float | None = 10,
        after: int = 0,
    ) -> TelemetryMessage: ...

    @overload
    async def wait_for_telemetry_async(
        self,
        device_id: str | None = None,
        *,
        predicate: Callable[[TelemetryMessage], object],
        timeout: float | None = 10,
        module_id: str | None = None,
        after: int = 0,
    ) -> TelemetryMessage: ...

    async def wait_for_telemetry_async(  # type: ignore[misc]  # the first argument may be the predicate
        self,
        device_id: str | Callable[[TelemetryMessage], object] | None = None,
        count: Any = ONE,
        timeout: Any = TEN_SECONDS,
        *,
        predicate: Callable[[TelemetryMessage], object] | None = None,
        module_id: str | None = None,
        after: int = 0,
    ) -> MessageList[TelemetryMessage] | TelemetryMessage:
        """Wait for messages while the event loop runs on; see :meth:`wait_for_telemetry`."""
        __tracebackhide__ = True
        asked = Awaited.read(device_id, count, timeout, predicate, after)
        return await run_async(self._sent(asked, module_id), self._core)

    def _sent(self, asked: Awaited, module_id: str | None) -> Steps[MessageList[TelemetryMessage] | TelemetryMessage]:
        __tracebackhide__ = True
        module_of_a_device(asked.device_id, module_id)
        if asked.predicate is not None:
            return (yield from wait_for_match(self, asked, module_id))
        if not (
            yield (
                lambda tick: self._core.wait_for_count(asked.device_id, asked.count, tick, module_id),
                asked.timeout,
            )
        ):
            got = self.telemetry_count(asked.device_id, module_id=module_id)
            msg = f"{got} of {asked.count} messages came within {asked.timeout} s"
            raise TimeoutError(msg)
        return self.telemetry(asked.device_id, module_id=module_id)

    def invoke_method(
        self,
        device_id: str,
        name: str,
        payload: Any = None,
        *,
        module_id: str | None = None,
        response_timeout: float = 30,
        connect_timeout: float = 0,
    ) -> MethodResult:
        """Call a direct method on a device or module and wait for its answer, as a service application does.

        Args:
            device_id: Whose method.
            name: Its name: printable ASCII, no spaces or separators.
            payload: Anything JSON-able of at most 128 KiB.
            module_id: The device's module, if it is the module's method.
            response_timeout: How long the device may take to answer, 5 to 300 s.
            connect_timeout: How long it may take to be connected and subscribed, 0 to 300 s, at most
                ``response_timeout``.

        Returns:
            The device's response, with any status.

        Raises:
            RequestFailed: There was no answer. Its ``error_code`` is the service's: 404103 for a device that is not
                connected and subscribed in time, 504101 for one that does not answer in time, 400027 for one that
                connects anew meanwhile, 404104 for one whose connection ends.
            BadAnswer: The device's answer is not JSON.
            ValueError: An argument breaks a rule.
            LookupError: There is no such device.
            RuntimeError: The hub is stopped.
        """
        method_timeouts(response_timeout, connect_timeout)
        return self._invoke_method(device_id, name, payload, response_timeout, connect_timeout, module_id)

    async def invoke_method_async(
        self,
        device_id: str,
        name: str,
        payload: Any = None,
        *,
        module_id: str | None = None,
        response_timeout: float = 30,
        connect_timeout: float = 0,
    ) -> MethodResult:
        """Call a direct method while the event loop runs on; see :meth:`invoke_method`.

        A call that is cancelled does not take the method back: the device may still be called.
        """
        method_timeouts(response_timeout, connect_timeout)
        steps = self._called(device_id, name, payload, response_timeout, connect_timeout, module_id)
        return await run_async(steps, self._core)

    def _invoke_method(
        self,
        device_id: str,
        name: str,
        payload: Any,
        response_timeout: float,
        connect_timeout: float,
        module_id: str | None = None,
    ) -> MethodResult:
        """Call a method with any timeouts."""
        steps = self._called(device_id, name, payload, response_timeout, connect_timeout, module_id)
        return run(steps, self._core)

    def _called(
        self,
        device_id: str,
        name: str,
        payload: Any,
        response_timeout: float,
        connect_timeout: float,
        module_id: str | None,
    ) -> Steps[MethodResult]:
        from azmqtt._support import strict_json

        text = _core.json_text("payload", payload, self._json_default)
        call = self._core.begin_method(device_id, name, text, response_timeout, connect_timeout, module_id)
        answer: tuple[int, bytes] | None = None

        def answered(tick: float) -> bool:
            nonlocal answer
            answer = call.wait(tick)
            if answer is None and self._core.stopped:
                raise RuntimeError("the hub was stopped before the device could be called")
            return answer is not None

        # The core ends it in time.
        yield answered, None
        status, body = answer or (0, b"")
        try:
            return MethodResult(status, strict_json.read(body) if body else None)
        except ValueError:
            from azmqtt._errors import BadAnswer

            msg = f"{device_id} answered {status} to {name} with a body that is not JSON"
            raise BadAnswer(msg) from None
