"""What a test asks of a local hub about faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azmqtt._local.faults import ServiceFaultsMixin

if TYPE_CHECKING:
    from azmqtt._core import Hub, HubFaults
    from azmqtt._hub_faults import InjectedFault
    from azmqtt.faults import Fault


class FaultsMixin(ServiceFaultsMixin):
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
        return self._inject(
            fault,
            {"device_id": device_id, "module_id": module_id},
            count=count,
            skip=skip,
            probability=probability,
            seed=seed,
            after=after,
            lasting=lasting,
        )
