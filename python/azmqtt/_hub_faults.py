"""What a test asks of a local hub about faults."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from azmqtt._support.arguments import json_text, not_negative, number
from azmqtt._support.waiting import Steps, run, run_async

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from azmqtt._core import Hub, HubFaults
    from azmqtt.faults import Fault, FaultSchedule, FiredFault, PlannedFault


class InjectedFault:
    """A fault that was asked for; in a ``with``, until its end."""

    def __init__(self, hub: Hub, faults: HubFaults, fault_id: int) -> None:
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
        for fault_id, rule, _, _ in self._faults.rules():
            if fault_id == self.fault_id:
                found: dict[str, Any] = json.loads(rule)
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


class FaultSide:
    """The part of :class:`~azmqtt.LocalHub` that does wrong when it is asked to."""

    _core: Hub
    _faults: HubFaults

    def inject_fault(
        self,
        fault: Fault | str,
        *,
        device_id: str | None = None,
        module_id: str | None = None,
        count: int | None = None,
        skip: int = 0,
        probability: float | None = None,
        seed: int | None = None,
        after: float = 0,
        lasting: float | None = None,
    ) -> InjectedFault:
        """Have something go wrong; see :mod:`azmqtt.faults`.

        Args:
            fault: What, and at which moment; or a text such as ``"lose:on=puback,count=2"``.
            device_id: Whose traffic; everybody's if absent. A device's is without its modules'.
            module_id: The device's module.
            count: How often at most. Once if absent; with ``probability`` or ``lasting``, any number.
            skip: On how many occasions nothing happens first.
            probability: The chance of each occasion, from 0 to 1.
            seed: Decides the chances; 0 if absent. The n-th occasion of a device falls alike in every run.
            after: Seconds until it may happen.
            lasting: For how many seconds, from then on.

        Returns:
            The fault: wait for it, take it away, or use it in a ``with``.

        Raises:
            ValueError: An argument makes no sense; names it.
            LookupError: There is no such device.
            RuntimeError: The hub is stopped.
        """
        from azmqtt.faults import _document

        if probability is not None:
            number("probability", probability)
        rule = _document(fault)
        given = {
            "device_id": device_id,
            "module_id": module_id,
            "count": count,
            "skip": skip or None,
            "probability": probability,
            "seed": seed,
            "after": after or None,
            "lasting": lasting,
        }
        rule.update({name: value for name, value in given.items() if value is not None})
        return self._injected(self._faults.inject(json_text("fault", rule)))

    def faults(self) -> list[InjectedFault]:
        """Return the faults that are set, and the newest 1,000 that are over before them."""
        return [self._injected(fault_id) for fault_id, *_ in self._faults.rules()]

    def clear_faults(self) -> int:
        """Take away every fault, and what schedules have still to do; return how many there were."""
        return self._faults.clear()

    def fired_faults(self, *, after: int = 0) -> list[FiredFault]:
        """Return the faults that have happened, oldest first: the newest 10,000.

        Args:
            after: Only those with a higher ``sequence``.
        """
        from azmqtt.faults import FiredFault

        not_negative("after", after)
        return [FiredFault(*fired) for fired in self._faults.fired(after)]

    def start_fault_schedule(self, schedule: FaultSchedule) -> list[PlannedFault]:
        """Start faults by chance, now; return what is going to happen, the same for the same seed.

        Raises:
            TypeError: It is no schedule.
            ValueError: A fault makes no sense; says why.
            LookupError: There is no such device.
            RuntimeError: The hub is stopped.
        """
        from azmqtt.faults import FaultSchedule, _planned

        if not isinstance(schedule, FaultSchedule):
            raise TypeError(f"schedule must be an azmqtt.faults.FaultSchedule, not {type(schedule).__name__}")
        return _planned(self._faults.start(json_text("schedule", schedule.document())))

    def _injected(self, fault_id: int) -> InjectedFault:
        return InjectedFault(self._core, self._faults, fault_id)
