"""Modules of the devices of a local hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azmqtt._hub.certificates import both_thumbprints
from azmqtt._hub.cloud_messages import body_of, with_implied
from azmqtt._support.arguments import one_way_to_authenticate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from azmqtt import _core
    from azmqtt._hub_types import LocalModule


class ModulesMixin:
    """The part of :class:`~azmqtt.LocalHub` that is about modules alone."""

    _core: _core.Hub
    _json_default: Callable[[Any], Any] | None

    def create_module(
        self,
        device_id: str,
        module_id: str,
        key: str | None = None,
        *,
        x509_thumbprint: str | tuple[str, str] | None = None,
        ca: bool = False,
    ) -> LocalModule:
        """Make a module of a device, with keys, twin and connection of its own.

        Args:
            device_id: The device that it belongs to.
            module_id: By the rules of device ids.
            key: Its symmetric key in base64; a random one if absent.
            x509_thumbprint: As for a device: the certificate's thumbprint, or two.
            ca: As for a device. The certificate's common name is ``device/module``.

        Raises:
            LookupError: There is no such device.
            ValueError: There is such a module already, or an argument breaks a rule.
            RuntimeError: The device has 50 modules, the limit of a hub.
        """
        one_way_to_authenticate(key is not None, x509_thumbprint is not None, ca)
        if x509_thumbprint is not None:
            self._core.create_x509_device(device_id, both_thumbprints(x509_thumbprint), module_id)
        elif ca:
            self._core.create_x509_device(device_id, None, module_id)
        else:
            self._core.create_module(device_id, module_id, key)
        return self.module(device_id, module_id)

    def module(self, device_id: str, module_id: str) -> LocalModule:
        """Return what a module needs to connect.

        Raises:
            LookupError: There is no such module.
        """
        from azmqtt._hub_types import LocalModule

        return LocalModule(device_id, module_id, self._core.connection_string(device_id, module_id))

    def modules(self, device_id: str) -> list[LocalModule]:
        """Return the modules of a device, in the order of their ids.

        Raises:
            LookupError: There is no such device.
        """
        return [self.module(device_id, module_id) for module_id in self._core.module_ids(device_id)]

    def remove_module(self, device_id: str, module_id: str) -> None:
        """Forget a module. Its connection ends.

        Raises:
            LookupError: There is no such module.
        """
        self._core.remove_module(device_id, module_id)

    def send_to_input(
        self,
        device_id: str,
        module_id: str,
        input_name: str,
        body: Any,
        properties: Mapping[str, str] | None = None,
        *,
        connection_device_id: str | None = None,
        connection_module_id: str | None = None,
    ) -> None:
        """Queue a message to an input of a module, as the routes of an IoT Edge gateway do.

        It is delivered when the module is connected and has subscribed, and kept until it is acknowledged.

        Args:
            device_id: The module's device.
            module_id: The module.
            input_name: Its input, at most 128 bytes without ``/ + # ?``.
            body: As for :meth:`send_c2d`; at most 256 KB, properties included.
            properties: The application's own; ``$.mid``, ``$.cid``, ``$.ct`` and the like set system properties.
            connection_device_id: The device that it comes from; the module's own if absent.
            connection_module_id: The module of that device that it comes from, if any.

        Raises:
            TypeError: Names the part of the body that is not JSON.
            ValueError: The message is too large, or an argument breaks a rule.
            RuntimeError: 1,024 messages wait for the module already.
            LookupError: There is no such module.
        """
        data, implied = body_of(body, self._json_default)
        pairs = dict(properties or {})
        if connection_device_id is not None:
            pairs["$.cdid"] = connection_device_id
        if connection_module_id is not None:
            pairs["$.cmid"] = connection_module_id
        self._core.send_to_input(device_id, module_id, input_name, data, with_implied(implied, list(pairs.items())))

    def pending_inputs(self, device_id: str, module_id: str) -> int:
        """Return how many messages to its inputs the module has not acknowledged.

        Raises:
            LookupError: There is no such module.
        """
        return self._core.pending_inputs(device_id, module_id)
