"""Devices for tests: a new identity on a local hub, with assertions and waits.

In pytest, the fixture ``iothub_device`` provides one. Elsewhere::

    with azmqtt.LocalHub(record_packets=True) as hub, IotHubDevice(hub) as device:
        device.client().send_message({"temperature": 21.5})
        device.assert_telemetry([{"temperature": 21.5}])

:class:`azmqtt.LocalHub` has the same assertions and waits for any device: :meth:`azmqtt.LocalHub.assert_telemetry`,
:meth:`azmqtt.LocalHub.wait_for_packet`, ….
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from azmqtt import DeviceClient, InjectedFault, LocalHub, MethodResult, Packet, TelemetryMessage
    from azmqtt.data import MessageList
    from azmqtt.faults import Fault

__all__ = ["IotHubDevice"]

#: The length of the given part of an id, in characters; ids have up to 128.
_LONGEST_NAME = 80


def fresh_name(name: str) -> str:
    """Return a unique id that begins with this name. Characters that ids may not contain become ``-``."""
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", name)[:_LONGEST_NAME].strip("-")
    return f"{plain}-{uuid.uuid4().hex[:8]}"


class IotHubDevice:
    """A device of a local hub for exclusive use, until :meth:`close` or the end of a ``with`` block.

    Attributes:
        hub: The hub that the device belongs to.
        device_id: The device's id.
        connection_string: ``HostName=…;DeviceId=…;SharedAccessKey=…``, with the device's key.
    """

    def __init__(self, hub: LocalHub, name: str = "device") -> None:
        """Create the device.

        Args:
            hub: A running hub.
            name: The beginning of its id, such as the name of a test. Characters that ids may not contain become ``-``.
        """
        device = hub.create_device(fresh_name(name))
        self.hub = hub
        self.device_id: str = device.device_id
        self.connection_string: str = device.connection_string
        self._clients: list[DeviceClient] = []
        self._faults: list[InjectedFault] = []

    def __repr__(self) -> str:
        """Show the id."""
        return f"<IotHubDevice {self.device_id}>"

    def __enter__(self) -> Self:
        """Return the device."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close its clients, end its faults and remove it from the hub. The hub's recordings of it stay available."""
        for client in self._clients:
            client.close(timeout=1)
        self._clients.clear()
        for fault in self._faults:
            fault.remove()
        self._faults.clear()
        try:
            self.hub.remove_device(self.device_id)
        except (LookupError, RuntimeError):
            # The test has removed the device, or stopped the hub.
            return

    async def __aenter__(self) -> Self:
        """Return the device."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close_async()

    async def close_async(self) -> None:
        """Do the same as :meth:`close` without blocking the event loop."""
        for client in self._clients:
            await client.close_async(timeout=1)
        self.close()

    def client(self, **options: Any) -> DeviceClient:
        """Return a client for the device. It connects on its first call and is closed with the device.

        Args:
            **options: As for :meth:`azmqtt.LocalHub.device_client`.
        """
        client = self.hub.device_client(self.device_id, **options)
        self._clients.append(client)
        return client

    def telemetry(self, *, after: int = 0) -> MessageList[TelemetryMessage]:
        """Return what it has sent: see :meth:`azmqtt.LocalHub.telemetry`."""
        return self.hub.telemetry(self.device_id, after=after)

    @overload
    def wait_for_telemetry(self, *, count: int = 1, timeout: float | None = 10) -> MessageList[TelemetryMessage]: ...

    @overload
    def wait_for_telemetry(
        self, predicate: Callable[[TelemetryMessage], object], timeout: float | None = 10, *, after: int = 0
    ) -> TelemetryMessage: ...

    def wait_for_telemetry(
        self,
        predicate: Callable[[TelemetryMessage], object] | None = None,
        timeout: float | None = 10,
        *,
        count: int = 1,
        after: int = 0,
    ) -> MessageList[TelemetryMessage] | TelemetryMessage:
        """Wait until it has sent ``count`` messages, and return all; with a predicate, return the first match.

        Raises:
            TimeoutError: Too few messages arrived in time, or none matched. The text shows the messages.
        """
        __tracebackhide__ = True
        if predicate is None:
            return self.hub.wait_for_telemetry(self.device_id, count, timeout)
        return self.hub.wait_for_telemetry(self.device_id, predicate=predicate, timeout=timeout, after=after)

    @overload
    async def wait_for_telemetry_async(
        self, *, count: int = 1, timeout: float | None = 10
    ) -> MessageList[TelemetryMessage]: ...

    @overload
    async def wait_for_telemetry_async(
        self, predicate: Callable[[TelemetryMessage], object], timeout: float | None = 10, *, after: int = 0
    ) -> TelemetryMessage: ...

    async def wait_for_telemetry_async(
        self,
        predicate: Callable[[TelemetryMessage], object] | None = None,
        timeout: float | None = 10,
        *,
        count: int = 1,
        after: int = 0,
    ) -> MessageList[TelemetryMessage] | TelemetryMessage:
        """Do the same as :meth:`wait_for_telemetry` without blocking the event loop."""
        __tracebackhide__ = True
        if predicate is None:
            return await self.hub.wait_for_telemetry_async(self.device_id, count, timeout)
        return await self.hub.wait_for_telemetry_async(
            self.device_id, predicate=predicate, timeout=timeout, after=after
        )

    def assert_telemetry(
        self, expected: Sequence[Any], *, after: int = 0, timeout: float | None = 5
    ) -> list[TelemetryMessage]:
        """Assert that it has sent these messages: see :meth:`azmqtt.LocalHub.assert_telemetry`."""
        __tracebackhide__ = True
        return self.hub.assert_telemetry(self.device_id, expected, after=after, timeout=timeout)

    async def assert_telemetry_async(
        self, expected: Sequence[Any], *, after: int = 0, timeout: float | None = 5
    ) -> list[TelemetryMessage]:
        """Do the same as :meth:`assert_telemetry` without blocking the event loop."""
        __tracebackhide__ = True
        return await self.hub.assert_telemetry_async(self.device_id, expected, after=after, timeout=timeout)

    def twin(self) -> dict[str, Any]:
        """Return its twin as a service application sees it: see :meth:`azmqtt.LocalHub.twin`."""
        return self.hub.twin(self.device_id)

    def patch_desired(self, patch: Mapping[str, Any] | None) -> int:
        """Change desired properties as a service application does, or delete all; return their new version."""
        return self.hub.patch_desired(self.device_id, patch)

    def assert_twin_reported(
        self, expected: Mapping[str, Any], *, exact: bool = False, timeout: float | None = 5
    ) -> None:
        """Assert that it has reported these properties: see :meth:`azmqtt.LocalHub.assert_twin_reported`."""
        __tracebackhide__ = True
        self.hub.assert_twin_reported(self.device_id, expected, exact=exact, timeout=timeout)

    async def assert_twin_reported_async(
        self, expected: Mapping[str, Any], *, exact: bool = False, timeout: float | None = 5
    ) -> None:
        """Do the same as :meth:`assert_twin_reported` without blocking the event loop."""
        __tracebackhide__ = True
        await self.hub.assert_twin_reported_async(self.device_id, expected, exact=exact, timeout=timeout)

    def assert_twin_desired(
        self, expected: Mapping[str, Any], *, exact: bool = False, timeout: float | None = 5
    ) -> None:
        """Assert that it has these desired properties: see :meth:`azmqtt.LocalHub.assert_twin_desired`."""
        __tracebackhide__ = True
        self.hub.assert_twin_desired(self.device_id, expected, exact=exact, timeout=timeout)

    async def assert_twin_desired_async(
        self, expected: Mapping[str, Any], *, exact: bool = False, timeout: float | None = 5
    ) -> None:
        """Do the same as :meth:`assert_twin_desired` without blocking the event loop."""
        __tracebackhide__ = True
        await self.hub.assert_twin_desired_async(self.device_id, expected, exact=exact, timeout=timeout)

    def send_c2d(self, body: bytes | str, properties: Mapping[str, str | None] | None = None, **options: Any) -> str:
        """Send a cloud-to-device message to it: see :meth:`azmqtt.LocalHub.send_c2d`."""
        return self.hub.send_c2d(self.device_id, body, properties, **options)

    def invoke_method(self, name: str, payload: Any = None, **options: Any) -> MethodResult:
        """Call one of its direct methods: see :meth:`azmqtt.LocalHub.invoke_method`."""
        return self.hub.invoke_method(self.device_id, name, payload, **options)

    async def invoke_method_async(self, name: str, payload: Any = None, **options: Any) -> MethodResult:
        """Do the same as :meth:`invoke_method` without blocking the event loop."""
        return await self.hub.invoke_method_async(self.device_id, name, payload, **options)

    @property
    def connected(self) -> bool:
        """Whether it is connected."""
        return self.hub.connected(self.device_id)

    def wait_for_connection(self, *, connected: bool = True, timeout: float | None = 10) -> None:
        """Wait until it is connected, or with ``connected=False`` until it is not."""
        __tracebackhide__ = True
        self.hub.wait_for_connection(self.device_id, connected=connected, timeout=timeout)

    async def wait_for_connection_async(self, *, connected: bool = True, timeout: float | None = 10) -> None:
        """Do the same as :meth:`wait_for_connection` without blocking the event loop."""
        __tracebackhide__ = True
        await self.hub.wait_for_connection_async(self.device_id, connected=connected, timeout=timeout)

    def disconnect(self) -> bool:
        """Close its connection without a packet, as a broken network does; return ``False`` if it was not connected."""
        return self.hub.disconnect(self.device_id)

    def inject_fault(self, fault: Fault | str, **options: Any) -> InjectedFault:
        """Inject a fault into its traffic, until the end of the test: see :meth:`azmqtt.LocalHub.inject_fault`.

        Args:
            fault: The fault, or a text such as ``"lose:on=puback,count=2"``.
            **options: ``count``, ``skip``, ``probability``, ``seed``, ``after``, ``lasting`` and ``module_id``.
        """
        injected = self.hub.inject_fault(fault, device_id=self.device_id, **options)
        self._faults.append(injected)
        return injected

    def packets(self, *, after: int = 0) -> list[Packet]:
        """Return its MQTT packets, oldest first: see :meth:`azmqtt.LocalHub.packets`."""
        return self.hub.packets(self.device_id, after=after)

    def wait_for_packet(
        self,
        predicate: Callable[[Packet], object] | None = None,
        timeout: float | None = 10,
        *,
        kind: str | None = None,
        after: int = 0,
    ) -> Packet:
        """Wait for a packet: see :meth:`azmqtt.LocalHub.wait_for_packet`."""
        __tracebackhide__ = True
        return self.hub.wait_for_packet(self.device_id, predicate, timeout, kind=kind, after=after)

    async def wait_for_packet_async(
        self,
        predicate: Callable[[Packet], object] | None = None,
        timeout: float | None = 10,
        *,
        kind: str | None = None,
        after: int = 0,
    ) -> Packet:
        """Do the same as :meth:`wait_for_packet` without blocking the event loop."""
        __tracebackhide__ = True
        return await self.hub.wait_for_packet_async(self.device_id, predicate, timeout, kind=kind, after=after)

    def packet_log(self) -> str:
        """Return its packets as text: see :meth:`azmqtt.LocalHub.packet_log`."""
        return self.hub.packet_log(self.device_id)
