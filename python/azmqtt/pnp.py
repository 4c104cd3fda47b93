"""IoT Plug and Play: what its conventions ask of a device, as plain functions.

See "IoT Plug and Play conventions" in the IoT docs, and "DTDL" for the models.

A device announces its model by the option ``model_id``. Its properties, telemetry and commands are ordinary ones, in
shapes that this module makes and reads; those of a component carry its name. Nothing here connects to anything::

    for change in client.desired_properties():
        for item in pnp.writable_properties(change):
            client.patch_reported_properties(item.acknowledge())
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from azmqtt._message import Message
from azmqtt._support.arguments import instance, text, whole
from azmqtt._types import DesiredPatch, Twin

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = [
    "WritableProperty",
    "acknowledgement",
    "check_dtmi",
    "command_name",
    "component_patch",
    "split_command",
    "telemetry",
    "writable_properties",
]

# DTDL v2 and v3: identifiers, and the length of an interface's; v3 has minor versions.
_SEGMENT = "[A-Za-z](?:[A-Za-z0-9_]*[A-Za-z0-9])?"
_DTMI = re.compile(f"dtmi:{_SEGMENT}(?::{_SEGMENT})*;[1-9][0-9]{{0,8}}(?:\\.[1-9][0-9]{{0,5}})?")
_LONGEST_DTMI = 128
_NAME = re.compile(_SEGMENT)
_LONGEST_NAME = 512


def check_dtmi(dtmi: str) -> str:
    """Return the id of an interface, such as ``dtmi:com:example:Thermostat;1``, as it is.

    Raises:
        ValueError: It is not one (DTDL, "Digital Twin Modeling Identifier"); at most 128 characters.
        TypeError: It is not text.
    """
    text("dtmi", dtmi)
    if len(dtmi) > _LONGEST_DTMI or not _DTMI.fullmatch(dtmi):
        raise ValueError(
            f"dtmi must be like 'dtmi:com:example:Thermostat;1' in {_LONGEST_DTMI} characters, not {dtmi!r}"
        )
    return dtmi


def component_patch(component: str | None, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Lay out reported properties of a component, or with ``None`` of the device itself.

    Returns:
        A patch for ``patch_reported_properties``: ``{component: {"__t": "c", **properties}}``.
    """
    instance("properties", properties, Mapping)
    return dict(properties) if component is None else {_name("component", component): {"__t": "c", **properties}}


def acknowledgement(value: Any, version: int, *, code: int = 200, description: str | None = None) -> dict[str, Any]:
    """Make the reported value of a writable property: ``{"value": …, "ac": …, "av": …}``, with ``"ad"`` if described.

    Args:
        value: What the property is now, on the device.
        version: ``$version`` of the desired properties that asked for it; 0 for a value that was not requested.
        code: As in HTTP: 200 for done, 202 for under way, 203 for a default of the device's own, 400 for refused.
        description: A human-readable reason.
    """
    for name, number in (("version", version), ("code", code)):
        whole(name, number)
    shape = {"value": value, "ac": code, "av": version}
    return shape if description is None else {**shape, "ad": text("description", description)}


class WritableProperty(NamedTuple):
    """A property that a service application wants to have another value.

    Attributes:
        component: Whose it is; ``None`` for the device's own.
        name: The property.
        value: The value it is to have; ``None`` if the wish was taken back.
        version: ``$version`` of the desired properties, for the acknowledgement.
    """

    component: str | None
    name: str
    value: Any
    version: int

    def acknowledge(self, code: int = 200, description: str | None = None, **instead: Any) -> dict[str, Any]:
        """Make the patch of reported properties that answers this.

        Args:
            code: As in HTTP; see :func:`acknowledgement`.
            description: A human-readable reason.
            **instead: ``value=…`` for what the property is now, where that is not what was asked for.
        """
        if not instead.keys() <= {"value"}:
            raise TypeError(f"acknowledge takes code, description and value, not {', '.join(instead)}")
        value = instead.get("value", self.value)
        shape = acknowledgement(value, self.version, code=code, description=description)
        return component_patch(self.component, {self.name: shape})


def writable_properties(
    desired: DesiredPatch | Twin | Mapping[str, Any],
    *,
    version: int | None = None,
    components: Collection[str] = (),
) -> list[WritableProperty]:
    """Take desired properties apart.

    Args:
        desired: A change, a twin (for what was wished before the device started), or plain desired properties.
        version: Their ``$version``, for plain ones that do not hold it.
        components: Components that are known by the model; others are recognised by their ``"__t": "c"``.

    Returns:
        One item for each property, in order.
    """
    if isinstance(desired, DesiredPatch):
        properties, version = desired.patch, desired.version
    elif isinstance(desired, Twin):
        properties, version = desired.desired, desired.desired_version
    else:
        properties = instance("desired", desired, Mapping)
        version = version if version is not None else properties.get("$version")
    if version is None:
        raise ValueError("version must be given: these desired properties do not contain their $version")
    items = []
    for name, value in properties.items():
        is_marked = isinstance(value, Mapping) and value.get("__t") == "c"
        if is_marked or name in components:
            inner = value if isinstance(value, Mapping) else {}
            items += [WritableProperty(name, key, inner[key], version) for key in inner if key != "__t"]
        elif not name.startswith("$"):
            items.append(WritableProperty(None, name, value, version))
    return items


def command_name(component: str | None, command: str) -> str:
    """Make the name under which a command is called as a direct method: ``component*command``."""
    command = _name("command", command)
    return command if component is None else f"{_name('component', component)}*{command}"


def split_command(method: str) -> tuple[str | None, str]:
    """Take a method's name apart into component, ``None`` for the device itself, and command."""
    component, star, command = text("method", method).partition("*")
    return (component, command) if star else (None, component)


def telemetry(body: Any, *, component: str | None = None, **fields: Any) -> Message:
    """Make a message of the device or of a component, whose name goes with it as ``$.sub``.

    Args:
        body: As for :class:`~azmqtt.Message`: a ``dict`` of the model's telemetry names and values, as a rule.
        component: Whose telemetry it is.
        **fields: Further fields of the message.
    """
    return Message(body, component=None if component is None else _name("component", component), **fields)


def _name(what: str, name: str) -> str:
    if len(text(what, name)) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise ValueError(f"{what} must be letters, digits and inner '_', a letter first, not {name!r}")
    return name
