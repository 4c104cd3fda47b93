"""The devices of a local hub: made, listed, removed, let in or not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from azmqtt._hub.certificates import both_thumbprints
from azmqtt._support.arguments import one_way_to_authenticate

if TYPE_CHECKING:
    from azmqtt import _core
    from azmqtt._hub_types import LocalDevice


class DevicesMixin:
    """The part of :class:`~azmqtt.LocalHub` that knows its devices."""

    _core: _core.Hub

    def create_device(
        self,
        device_id: str | None = None,
        key: str | None = None,
        *,
        x509_thumbprint: str | tuple[str, str] | None = None,
        ca: bool = False,
    ) -> LocalDevice:
        """Make a device. It authenticates with tokens, unless one of the last two arguments says otherwise.

        Args:
            device_id: At most 128 ASCII letters, digits and ``- . % _ * ? ! ( ) , : = @ $ '``; a random one
                if absent.
            key: Its symmetric key in base64; a random one if absent.
            x509_thumbprint: It authenticates with the certificate of this SHA-1 or SHA-256 thumbprint, in
                hexadecimal digits; a tuple for two, either of which is taken.
            ca: It authenticates with a certificate that has its id as the common name and is signed by an authority
                of the hub: its own (:meth:`create_certificate`), or one that was added (:meth:`add_ca`).

        Raises:
            ValueError: There is such a device already, or an argument breaks a rule.
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
        """Return what a device needs to connect.

        Raises:
            LookupError: There is no such device.
        """
        from azmqtt._hub_types import LocalDevice

        return LocalDevice(device_id, self._core.connection_string(device_id))

    def devices(self) -> list[LocalDevice]:
        """Return all devices, in the order of their ids."""
        return [self.device(device_id) for device_id in self._core.device_ids()]

    def remove_device(self, device_id: str) -> None:
        """Forget a device and its modules. Their connections end.

        Raises:
            LookupError: There is no such device.
        """
        self._core.remove_device(device_id)

    def set_enabled(self, device_id: str, enabled: bool) -> None:  # noqa: FBT001 - its meaning is plain
        """Let a device and its modules connect or not. The connections of those that may not end.

        Raises:
            LookupError: There is no such device.
        """
        self._core.set_enabled(device_id, enabled)
