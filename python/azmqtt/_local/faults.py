"""What tests ask of a local hub or namespace about faults, whosever traffic they are on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azmqtt._support.arguments import document_text, not_negative, number

if TYPE_CHECKING:
    from azmqtt._core import HubFaults, NamespaceFaults
    from azmqtt._hub_faults import InjectedFault
    from azmqtt.faults import Fault, FaultSchedule, FiredFault, PlannedFault


class ServiceFaultsMixin:
    """The part of a local service that does wrong when it is asked to."""

    _core: Any
    _faults: HubFaults | NamespaceFaults

    def faults(self) -> list[InjectedFault]:
        """Return the faults that are set, and the newest 1,000 that are over before them."""
        return [self._injected(fault_id) for fault_id, *_ in self._faults.rules()]

    def clear_faults(self) -> int:
        """Take away every fault, and what schedules have still to do; return how many there were."""
        return self._faults.clear()

    def fired_faults(self, *, after: int = 0) -> list[FiredFault]:
        """Return the faults that have happened, oldest first: the newest 10,000.

        Args:
            after: Consider only those with a higher ``sequence``.
        """
        from azmqtt.faults import FiredFault

        not_negative("after", after)
        return [FiredFault(*fired) for fired in self._faults.fired(after)]

    def start_fault_schedule(self, schedule: FaultSchedule) -> list[PlannedFault]:
        """Start faults by chance, now; return what is going to happen, the same for the same seed.

        Raises:
            TypeError: It is not a schedule.
            ValueError: A fault makes no sense; says why.
            LookupError: A fault names a device that is not there.
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
