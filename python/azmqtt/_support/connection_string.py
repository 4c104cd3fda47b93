"""The parts of a connection string, also of one that no client can be made of."""

from __future__ import annotations

from azmqtt import _core

#: The parts of a connection string that count here; their case does not.
_NAMES = ("HostName", "DeviceId", "ModuleId", "SharedAccessKey", "SharedAccessKeyName")


def parts(connection_string: str) -> dict[str, str]:
    """Take a connection string apart, also that of a hub policy, which no client can be made of."""
    spellings = {name.lower(): name for name in _NAMES}
    fields: dict[str, str] = {}
    for number, part in enumerate(_core.bare_connection_string(connection_string).split(";"), start=1):
        name, equals, value = part.partition("=")
        if not part.strip():
            continue
        if not equals:
            raise ValueError(f"connection string: part {number} is not of the form key=value")
        name = spellings.get(name.strip().lower(), name.strip())
        if name in fields:
            # Not the name itself: a bare key looks like one.
            raise ValueError(f"connection string: part {number} repeats an earlier name")
        fields[name] = value.strip().strip('"')
    return fields
