"""What a test asks of a local namespace about faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azmqtt._local.faults import ServiceFaultsMixin

if TYPE_CHECKING:
    from azmqtt._core import Namespace, NamespaceFaults
    from azmqtt._hub_faults import InjectedFault
    from azmqtt.faults import Fault


class FaultsMixin(ServiceFaultsMixin):
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
        return self._inject(
            fault,
            {"client_id": client_id},
            count=count,
            skip=skip,
            probability=probability,
            seed=seed,
            after=after,
            lasting=lasting,
        )
