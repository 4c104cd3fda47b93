"""A local hub from a service application's side: telemetry, twins and direct methods."""

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
    """The methods of :class:`~azmqtt.LocalHub` that do the work of a service application."""

    _core: _core.Hub
    _json_default: Callable[[Any], Any] | None

    def twin(self, device_id: str, *, module_id: str | None = None) -> dict[str, Any]:
        """Return the twin of a device or module as a service application sees it.

        The result has the form ``{"deviceId", "etag", "version", "tags", "properties": {"desired", "reported"}, …}``.
        Both sections contain ``$version`` and ``$metadata`` (IoT Hub docs, "Understand and use device twins").

        Raises:
            LookupError: The device does not exist.
        """
        from azmqtt._support import strict_json

        twin: dict[str, Any] = strict_json.read(self._core.twin(device_id, module_id))
        return twin

    def patch_desired(self, device_id: str, patch: JsonObject | None, *, module_id: str | None = None) -> int:
        """Change desired properties as a service application does. The value ``None`` deletes a property.

        The hub notifies the device or module if it is connected and has subscribed.

        Args:
            device_id: The device's id.
            patch: A JSON merge patch as a mapping or dataclass; ``None`` deletes all desired properties.
            module_id: The module's id, to change the properties of a module.

        Returns:
            The new ``$version`` of the desired properties.

        Raises:
            TypeError: The patch is not a mapping, or contains a value that cannot be encoded as JSON.
            ValueError: The patch exceeds a limit of twins. The text names the path.
            LookupError: The device does not exist.
        """
        if patch is not None and not isinstance(patch, Mapping) and not is_dataclass(patch):
            raise TypeError(f"patch must be a mapping, a dataclass or None, not {type(patch).__name__}")
        text = _core.json_text("patch", patch, self._json_default)
        return self._core.patch_desired(device_id, text, module_id)

    def telemetry(
        self, device_id: str | None = None, *, module_id: str | None = None, after: int = 0
    ) -> MessageList[TelemetryMessage]:
        """Return the recorded messages of a device or module, or of all devices, oldest first.

        ``hub.telemetry("dev1").to_pandas()`` returns them as a pandas frame: see :func:`azmqtt.data.frame`.

        Args:
            device_id: The device's id; all devices by default. The messages of a removed device stay available.
            module_id: The module's id. Without it, only the device itself counts.
            after: Return only those with a higher ``sequence``: what is new since an earlier call.

        Raises:
            LookupError: The device or module does not exist, and has sent no message.
            ValueError: ``module_id`` is given without ``device_id``.
        """
        from datetime import datetime, timezone

        from azmqtt._hub_types import TelemetryMessage
        from azmqtt.data import MessageList

        module_of_a_device(device_id, module_id)
        not_negative("after", after)
        kept = self._core.telemetry(device_id, after, module_id)
        if not kept and device_id is not None and not self._core.telemetry(device_id, 0, module_id):
            # Raises if the device does not exist.
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
        """Return how many messages a device or module has sent, or all devices. Messages no longer kept count too.

        Raises:
            LookupError: The device or module does not exist.
            ValueError: ``module_id`` is given without ``device_id``.
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
        """Wait until the hub has received at least ``count`` messages since its start; return all that it keeps.

        With a predicate, wait for a matching message and return it::

            hub.wait_for_telemetry(lambda message: message.json()["temperature"] > 30, 5)

        Args:
            device_id: The device's id; all devices by default. You can pass a predicate instead, followed by the
                timeout, to wait for a message of any device.
            count: The minimum number of messages.
            timeout: In seconds, 10 by default; ``None`` waits without a limit.
            predicate: Takes a message and returns whether it matches. The first match is returned; messages from
                before the call count.
            module_id: The module's id. Without it, only messages from the device itself count.
            after: With a predicate, consider only messages with a higher ``sequence``.

        Raises:
            TimeoutError: Too few messages arrived in time, or none matched. The text shows the messages.
            LookupError: The device or module does not exist.
            ValueError: ``module_id`` is given without ``device_id``.
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
        """Do the same as :meth:`wait_for_telemetry` without blocking the event loop."""
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
            msg = f"{got} of {asked.count} messages arrived within {asked.timeout} s"
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
        """Call a direct method of a device or module and wait for its response, as a service application does.

        Args:
            device_id: The device's id.
            name: The method's name: printable ASCII without spaces or separators.
            payload: Any value that can be encoded as JSON, at most 128 KiB.
            module_id: The module's id, to call a method of a module.
            response_timeout: The seconds that the device has to respond, 5 to 300.
            connect_timeout: The seconds to wait until the device is connected and subscribed, 0 to 300 and at most
                ``response_timeout``.

        Returns:
            The device's response, with any status.

        Raises:
            RequestFailed: The device did not respond. ``error_code`` is the service's: 404103 if the device was not
                connected and subscribed in time, 504101 if it did not respond in time, 400027 if it connected anew
                meanwhile, 404104 if its connection ended.
            BadAnswer: The device's response is not JSON.
            ValueError: An argument is invalid.
            LookupError: The device does not exist.
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
        """Do the same as :meth:`invoke_method` without blocking the event loop.

        Cancelling the call does not withdraw it: the hub may still call the device.
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
        """Call a method without checking the timeouts."""
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

        # The core ends the call in time.
        yield answered, None
        status, body = answer or (0, b"")
        try:
            return MethodResult(status, strict_json.read(body) if body else None)
        except ValueError:
            from azmqtt._errors import BadAnswer

            msg = f"{device_id} answered {status} to {name} with a body that is not JSON"
            raise BadAnswer(msg) from None
