"""Fault injection, as the local hub and the local namespace share it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azmqtt._support.arguments import document_text, not_negative, number

if TYPE_CHECKING:
    from azmqtt._core import HubFaults, NamespaceFaults
    from azmqtt._hub_faults import InjectedFault
    from azmqtt.faults import Fault, FaultSchedule, FiredFault, PlannedFault


class ServiceFaultsMixin:
    """The faults of a local service."""

    _core: Any
    _faults: HubFaults | NamespaceFaults

    def faults(self) -> list[InjectedFault]:
        """Return the newest 1,000 finished faults, followed by the active ones."""
        return [self._injected(fault_id) for fault_id, *_ in self._faults.rules()]

    def clear_faults(self) -> int:
        """Remove every fault, and stop fault schedules; return the number of removed faults."""
        return self._faults.clear()

    def fired_faults(self, *, after: int = 0) -> list[FiredFault]:
        """Return the newest 10,000 occurrences of faults, oldest first.

        Args:
            after: Consider only those with a higher ``sequence``.
        """
        from azmqtt.faults import FiredFault

        not_negative("after", after)
        return [FiredFault(*fired) for fired in self._faults.fired(after)]

    def start_fault_schedule(self, schedule: FaultSchedule) -> list[PlannedFault]:
        """Start a schedule of random faults; return the planned faults, which are the same for the same seed.

        Raises:
            TypeError: The argument is not a schedule.
            ValueError: A fault is invalid. The text says why.
            LookupError: A fault names a device that does not exist.
            RuntimeError: The service is stopped.
        """
        from azmqtt.faults import FaultSchedule, _planned

        if not isinstance(schedule, FaultSchedule):
            raise TypeError(f"schedule must be an azmqtt.faults.FaultSchedule, not {type(schedule).__name__}")
        return _planned(self._faults.start(document_text("schedule", schedule.document())))

    def _inject(
        self,
        fault: Fault | str,
        whose: dict[str, str | None],
        *,
        count: int | None,
        skip: int,
        probability: float | None,
        seed: int | None,
        after: float,
        lasting: float | None,
    ) -> InjectedFault:
        from azmqtt.faults import _document

        if probability is not None:
            number("probability", probability)
        rule = _document(fault)
        given = {
            **whose,
            "count": count,
            "skip": skip or None,
            "probability": probability,
            "seed": seed,
            "after": after or None,
            "lasting": lasting,
        }
        rule.update({name: value for name, value in given.items() if value is not None})
        return self._injected(self._faults.inject(document_text("fault", rule)))

    def _injected(self, fault_id: int) -> InjectedFault:
        from azmqtt._hub_faults import InjectedFault

        return InjectedFault(self._core, self._faults, fault_id)
