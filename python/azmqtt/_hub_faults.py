"""A fault that a test has injected into a local hub or namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azmqtt._support.arguments import not_negative
from azmqtt._support.waiting import Steps, run, run_async

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from azmqtt._core import Hub, HubFaults, Namespace, NamespaceFaults


class InjectedFault:
    """An injected fault. As a context manager it removes the fault at the end of the ``with`` block."""

    def __init__(self, hub: Hub | Namespace, faults: HubFaults | NamespaceFaults, fault_id: int) -> None:
        self._hub = hub
        self._faults = faults
        #: The number of the fault on this hub, from 1.
        self.fault_id = fault_id

    def __enter__(self) -> Self:
        """Return the fault."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Remove the fault."""
        self.remove()

    def __repr__(self) -> str:
        """Show the fault, and how often it has occurred."""
        rule = self.rule
        return f"<InjectedFault {self.fault_id}: {rule.get('fault')} on {rule.get('on')}, fired {self.fired} times>"

    @property
    def rule(self) -> dict[str, Any]:
        """The rule (fault, target and conditions) as the hub's REST API shows it; empty once the hub has dropped it."""
        from azmqtt._support import strict_json

        for fault_id, rule, _, _ in self._faults.rules():
            if fault_id == self.fault_id:
                found: dict[str, Any] = strict_json.read(rule)
                return found
        return {}

    @property
    def fired(self) -> int:
        """How often the fault has occurred."""
        return self._faults.wait(self.fault_id, 0, 0) or 0

    @property
    def over(self) -> bool:
        """Whether the fault cannot occur any more."""
        return all(over for fault_id, _, _, over in self._faults.rules() if fault_id == self.fault_id)

    def wait(self, count: int = 1, timeout: float | None = 10) -> None:
        """Wait until the fault has occurred ``count`` times.

        Raises:
            TimeoutError: It occurred fewer times in time. The text says how often.
            RuntimeError: The hub is stopped.
        """
        __tracebackhide__ = True
        run(self._happened(count, timeout), self._hub)

    async def wait_async(self, count: int = 1, timeout: float | None = 10) -> None:
        """Do the same as :meth:`wait` without blocking the event loop."""
        __tracebackhide__ = True
        await run_async(self._happened(count, timeout), self._hub)

    def _happened(self, count: int, timeout: float | None) -> Steps[None]:
        __tracebackhide__ = True
        not_negative("count", count)

        def poll(tick: float) -> bool:
            return (self._faults.wait(self.fault_id, count, tick) or 0) >= count

        if not (yield poll, timeout):
            msg = f"{self!r}: waited {timeout} s for {count}"
            if self.rule.get("on") == "now" and not self.fired:
                msg += "; it affects connections that are open at that time, and there was none"
            raise TimeoutError(msg)

    def remove(self) -> bool:
        """Remove the fault; return ``False`` if it could not have occurred again."""
        return self._faults.remove(self.fault_id)
