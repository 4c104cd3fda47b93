"""The devices of a local hub: creating, listing, removing, enabling and disabling them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from azmqtt._hub.certificates import both_thumbprints
from azmqtt._support.arguments import one_way_to_authenticate

if TYPE_CHECKING:
    from azmqtt import _core
    from azmqtt._hub_types import LocalDevice


class DevicesMixin:
    """The methods of :class:`~azmqtt.LocalHub` that manage devices."""

    _core: _core.Hub

    def create_device(
        self,
        device_id: str | None = None,
        key: str | None = None,
        *,
        x509_thumbprint: str | tuple[str, str] | None = None,
        ca: bool = False,
    ) -> LocalDevice:
        """Create a device. It authenticates with SAS tokens, unless you pass ``x509_thumbprint`` or ``ca``.

        Args:
            device_id: At most 128 ASCII letters, digits and ``- . % _ * ? ! ( ) , : = @ $ '``; random by default.
            key: The device's symmetric key in base64; random by default.
            x509_thumbprint: The SHA-1 or SHA-256 thumbprint, in hexadecimal digits, of the certificate that the device
                authenticates with; a tuple of two allows either certificate.
            ca: Whether the device authenticates with a certificate that has its id as the common name and is signed by
                an authority of the hub: the hub's own (:meth:`create_certificate`) or an added one (:meth:`add_ca`).

        Raises:
            ValueError: The device already exists, or an argument is invalid.
        """
        one_way_to_authenticate(key is not None, x509_thumbprint is not None, ca)
        if device_id is None:
            device_id = f"device-{os.urandom(4).hex()}"
        if x509_thumbprint is not None:
            self._core.create_x509_device(device_id, both_thumbprints(x509_thumbprint))
        elif ca:
            self._core.create_x509_device(device_id, None)
        else:
            self._core.create_device(device_id, key)
        return self.device(device_id)

    def device(self, device_id: str) -> LocalDevice:
        """Return a device with its connection string.

        Raises:
            LookupError: The device does not exist.
        """
        from azmqtt._hub_types import LocalDevice

        return LocalDevice(device_id, self._core.connection_string(device_id))

    def devices(self) -> list[LocalDevice]:
        """Return all devices, in the order of their ids."""
        return [self.device(device_id) for device_id in self._core.device_ids()]

    def remove_device(self, device_id: str) -> None:
        """Remove a device and its modules. Their connections end.

        Raises:
            LookupError: The device does not exist.
        """
        self._core.remove_device(device_id)

    def set_enabled(self, device_id: str, enabled: bool) -> None:  # noqa: FBT001 - its meaning is plain
        """Allow or forbid a device and its modules to connect. Disabling a device ends its connections.

        Raises:
            LookupError: The device does not exist.
        """
        self._core.set_enabled(device_id, enabled)
