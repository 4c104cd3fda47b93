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
    """The methods of :class:`~azmqtt.LocalHub` that manage modules."""

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
        """Create a module of a device. It has its own keys, twin and connection.

        Args:
            device_id: The device that the module belongs to.
            module_id: The module's id. The rules for device ids apply.
            key: The module's symmetric key in base64; random by default.
            x509_thumbprint: One or two thumbprints, as for a device.
            ca: As for a device. The certificate's common name is ``device/module``.

        Raises:
            LookupError: The device does not exist.
            ValueError: The module already exists, or an argument is invalid.
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
        """Return a module with its connection string.

        Raises:
            LookupError: The module does not exist.
        """
        from azmqtt._hub_types import LocalModule

        return LocalModule(device_id, module_id, self._core.connection_string(device_id, module_id))

    def modules(self, device_id: str) -> list[LocalModule]:
        """Return the modules of a device, in the order of their ids.

        Raises:
            LookupError: The device does not exist.
        """
        return [self.module(device_id, module_id) for module_id in self._core.module_ids(device_id)]

    def remove_module(self, device_id: str, module_id: str) -> None:
        """Remove a module. Its connection ends.

        Raises:
            LookupError: The module does not exist.
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

        The hub delivers the message once the module is connected and has subscribed, and keeps it until the module
        acknowledges it.

        Args:
            device_id: The module's device.
            module_id: The module.
            input_name: The name of the input, at most 128 bytes without ``/ + # ?``.
            body: As for :meth:`send_c2d`; at most 256 KB, properties included.
            properties: The application properties; ``$.mid``, ``$.cid``, ``$.ct`` and similar names set system
                properties.
            connection_device_id: The device that sent the message; defaults to the module's own device.
            connection_module_id: The module that sent the message, if any.

        Raises:
            TypeError: Names the part of the body that is not JSON.
            ValueError: The message is too large, or an argument is invalid.
            RuntimeError: The module's queue is full (1,024 messages).
            LookupError: The module does not exist.
        """
        data, implied = body_of(body, self._json_default)
        pairs = dict(properties or {})
        if connection_device_id is not None:
            pairs["$.cdid"] = connection_device_id
        if connection_module_id is not None:
            pairs["$.cmid"] = connection_module_id
        self._core.send_to_input(device_id, module_id, input_name, data, with_implied(implied, list(pairs.items())))

    def pending_inputs(self, device_id: str, module_id: str) -> int:
        """Return the number of input messages that the module has not acknowledged.

        Raises:
            LookupError: The module does not exist.
        """
        return self._core.pending_inputs(device_id, module_id)
