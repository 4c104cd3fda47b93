"""Calls of direct methods by a module, through its IoT Edge gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azmqtt._support import arguments

if TYPE_CHECKING:
    from azmqtt._core import Client
    from azmqtt._options import InvokeOptions
    from azmqtt._types import MethodResult

#: Seconds that a call may take besides, unless it names its own timeout: to connect, and for the answer's way.
_MARGIN = 30.0


class MethodCallsMixin:
    """The part of :class:`~azmqtt.DeviceClient` that calls methods of others."""

    __slots__ = ()

    if TYPE_CHECKING:
        _core: Client

        @property
        def module_id(self) -> str | None:
            """The module's id, for a module."""

    def invoke_method(
        self,
        device_id: str,
        name: str,
        payload: Any = None,
        *,
        module_id: str | None = None,
        response_timeout: float = 30,
        connect_timeout: float = 0,
        timeout: float | None = None,
    ) -> MethodResult:
        """Call a direct method of a device or of another module, through this module's IoT Edge gateway, over HTTPS.

        Args:
            device_id: Whose method.
            name: Its name, case-sensitive.
            payload: Anything JSON-able of at most 128 KiB.
            module_id: The device's module, if the method is the module's.
            response_timeout: How long the method may take, 5 to 300 s, in whole seconds.
            connect_timeout: How long it may take to be connected and subscribed, 0 to 300 s, in whole seconds.
            timeout: Seconds for all of it; by default both times and 30 s.

        Returns:
            The method's response, with any status.

        Raises:
            RequestFailed: There was no answer. Its ``error_code`` is the service's: 404103 for a device that is not
                connected in time, 504101 for one that does not answer in time, 404001 and 404010 for one that the
                gateway does not know.
            MessageTooLarge: The payload has more than 128 KiB. Nothing was sent.
            ValueError: An argument is out of its bounds, or the client is a device, which cannot call methods. Nothing
                was sent.
            ConnectionLost: The gateway may have called the method. It is not called again.
        """
        call = self._invocation(device_id, name, payload, module_id, response_timeout, connect_timeout)
        return self._core.invoke_method(call, _whole(call, timeout))

    async def invoke_method_async(
        self,
        device_id: str,
        name: str,
        payload: Any = None,
        *,
        module_id: str | None = None,
        response_timeout: float = 30,
        connect_timeout: float = 0,
        timeout: float | None = None,
    ) -> MethodResult:
        """Call a direct method of a device or of another module; see :meth:`invoke_method`."""
        call = self._invocation(device_id, name, payload, module_id, response_timeout, connect_timeout)
        return await self._core.invoke_method_async(call, _whole(call, timeout))

    def _invocation(
        self,
        device_id: str,
        name: str,
        payload: Any,
        module_id: str | None,
        response_timeout: float,
        connect_timeout: float,
    ) -> InvokeOptions:
        if self.module_id is None:
            raise ValueError("only a module calls methods, through its gateway, and this client is a device")
        from math import ceil

        arguments.texts(device_id=device_id, name=name)
        arguments.texts_or_none(module_id=module_id)
        response, connect = arguments.method_timeouts(response_timeout, connect_timeout)
        return {
            "device_id": device_id,
            "module_id": module_id,
            "name": name,
            "payload": payload,
            "response_timeout": ceil(response),
            "connect_timeout": ceil(connect),
        }


def _whole(call: InvokeOptions, timeout: float | None) -> float:
    if timeout is None:
        return call["response_timeout"] + call["connect_timeout"] + _MARGIN
    # As the core bounds all times.
    return arguments.seconds_within("timeout", timeout, 0, 10**9)
