"""Faults of a local namespace, injected by tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azmqtt._local.faults import ServiceFaultsMixin

if TYPE_CHECKING:
    from azmqtt._core import Namespace, NamespaceFaults
    from azmqtt._hub_faults import InjectedFault
    from azmqtt.faults import Fault


class FaultsMixin(ServiceFaultsMixin):
    """The fault injection of :class:`~azmqtt.LocalNamespace`."""

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
        """Inject a fault. The faults are those of the local hub: see :mod:`azmqtt.faults`.

        Args:
            fault: The fault, or a text such as ``"lose:on=puback,count=2"``.
            client_id: The client identifier that the fault applies to; all clients by default.
            count: How often the fault occurs at most. The default is once; with ``probability`` or ``lasting``, any
                number of times.
            skip: The number of matching events to let pass first.
            probability: The chance that the fault occurs at a matching event, from 0 to 1.
            seed: The seed of the random numbers; 0 by default. The n-th event of a client has the same outcome in every
                run.
            after: Seconds until the fault becomes active.
            lasting: Seconds that the fault stays active.

        Returns:
            The fault. You can wait for it, remove it, or use it as a context manager.

        Raises:
            ValueError: An argument is invalid. The text names it.
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
