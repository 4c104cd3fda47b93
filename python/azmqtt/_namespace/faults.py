"""What a test asks of a local namespace about faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azmqtt._support.arguments import json_text, not_negative, number

if TYPE_CHECKING:
    from azmqtt._core import Namespace, NamespaceFaults
    from azmqtt._hub_faults import InjectedFault
    from azmqtt.faults import Fault, FiredFault


class FaultsMixin:
    """The part of :class:`~azmqtt.LocalNamespace` that does wrong when it is asked to."""

    _core: Namespace
    _faults: NamespaceFaults

    def inject_fault(
        self,
        fault: Fault | str,
        *,
        client_id: str | None = None,
        count: int | None = None,
        skip: int = 0,
        probability: float | None = None,
        seed: int | None = None,
        after: float = 0,
        lasting: float | None = None,
    ) -> InjectedFault:
        """Have something go wrong, in the words of the local hub: see :mod:`azmqtt.faults`.

        Args:
            fault: What, and at which moment; or a text such as ``"lose:on=puback,count=2"``.
            client_id: Whose traffic, by the name of the session; everybody's if absent.
            count: How often at most. Once if absent; with ``probability`` or ``lasting``, any number.
            skip: On how many occasions nothing happens first.
            probability: The chance of each occasion, from 0 to 1.
            seed: Decides the chances; 0 if absent. The n-th occasion of a client falls alike in every run.
            after: Seconds until it may happen.
            lasting: For how many seconds, from then on.

        Returns:
            The fault: wait for it, take it away, or use it in a ``with``.

        Raises:
            ValueError: An argument makes no sense; names it.
        """
        from azmqtt.faults import _document

        if probability is not None:
            number("probability", probability)
        rule = _document(fault)
        given = {
            "client_id": client_id,
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
        """Take away every fault; return how many there were."""
        return self._faults.clear()

    def fired_faults(self, *, after: int = 0) -> list[FiredFault]:
        """Return the faults that have happened, oldest first: the newest 10,000.

        Args:
            after: Only those with a higher ``sequence``.
        """
        from azmqtt.faults import FiredFault

        not_negative("after", after)
        return [FiredFault(*fired) for fired in self._faults.fired(after)]

    def _injected(self, fault_id: int) -> InjectedFault:
        from azmqtt._hub_faults import InjectedFault

        return InjectedFault(self._core, self._faults, fault_id)
