"""A fault that a test has asked a local hub or namespace for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azmqtt._support.arguments import not_negative
from azmqtt._support.waiting import Steps, run, run_async

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from azmqtt._core import Hub, HubFaults, Namespace, NamespaceFaults


class InjectedFault:
    """A fault that was asked for; in a ``with``, until its end."""

    def __init__(self, hub: Hub | Namespace, faults: HubFaults | NamespaceFaults, fault_id: int) -> None:
        self._hub = hub
        self._faults = faults
        #: Counts the faults of the hub, from 1.
        self.fault_id = fault_id

    def __enter__(self) -> Self:
        """Return the fault."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take it away."""
        self.remove()

    def __repr__(self) -> str:
        """Say what it is, and how often it has happened."""
        rule = self.rule
        return f"<InjectedFault {self.fault_id}: {rule.get('fault')} on {rule.get('on')}, fired {self.fired} times>"

    @property
    def rule(self) -> dict[str, Any]:
        """The fault, whose traffic it is on and when, as the hub's REST API has it; empty once it is forgotten."""
        from azmqtt._support import strict_json

        for fault_id, rule, _, _ in self._faults.rules():
            if fault_id == self.fault_id:
                found: dict[str, Any] = strict_json.read(rule)
                return found
        return {}

    @property
    def fired(self) -> int:
        """How often it has happened."""
        return self._faults.wait(self.fault_id, 0, 0) or 0

    @property
    def over(self) -> bool:
        """Whether it is not going to happen any more."""
        return all(over for fault_id, _, _, over in self._faults.rules() if fault_id == self.fault_id)

    def wait(self, count: int = 1, timeout: float | None = 10) -> None:
        """Wait until it has happened ``count`` times.

        Raises:
            TimeoutError: It has not in time; says how often it has.
            RuntimeError: The hub is stopped.
        """
        __tracebackhide__ = True
        run(self._happened(count, timeout), self._hub)

    async def wait_async(self, count: int = 1, timeout: float | None = 10) -> None:
        """Wait while the event loop runs on; see :meth:`wait`."""
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
                msg += "; it happens to connections that are up at that moment, and there was none"
            raise TimeoutError(msg)

    def remove(self) -> bool:
        """Take it away; return False if it would not have happened again anyway."""
        return self._faults.remove(self.fault_id)
