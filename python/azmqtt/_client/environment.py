"""What the environment says about a client: inside IoT Edge, while debugging for it, or as the samples do.

The names are those of the IoT Edge runtime and its development tools ("Develop IoT Edge modules"), and of Microsoft's
samples for devices.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from azmqtt import _core

if TYPE_CHECKING:
    from collections.abc import Iterable

_DEBUGGING = ("EdgeHubConnectionString", "IotHubConnectionString")
_DEBUGGING_ROOTS = "EdgeModuleCACertificateFile"
#: In the order in which the core takes them.
_EDGE = (
    "IOTEDGE_IOTHUBHOSTNAME",
    "IOTEDGE_DEVICEID",
    "IOTEDGE_MODULEID",
    "IOTEDGE_GATEWAYHOSTNAME",
    "IOTEDGE_WORKLOADURI",
    "IOTEDGE_MODULEGENERATIONID",
    "IOTEDGE_APIVERSION",
)
_SAMPLES = "IOTHUB_DEVICE_CONNECTION_STRING"


def from_environment() -> tuple[_core.Access, str | None]:
    """Read an identity with its credentials, and the file with the roots to trust, if there is one.

    Raises:
        ValueError: Names each variable that is missing, or the one that is malformed.
    """
    debugging = _first(_DEBUGGING)
    if debugging is not None:
        return _access(debugging), os.environ.get(_DEBUGGING_ROOTS) or None
    edge = [os.environ.get(name, "") for name in _EDGE]
    if any(edge):
        missing = [name for name, value in zip(_EDGE, edge, strict=True) if not value]
        if missing:
            msg = f"the environment of IoT Edge is not complete: {', '.join(missing)} must be set"
            raise ValueError(msg)
        return _core.Access.from_workload(*edge), None
    if os.environ.get(_SAMPLES):
        return _access(_SAMPLES), None
    names = ", ".join((*_DEBUGGING, _SAMPLES))
    msg = f"the environment does not describe a device: one of {names} must be set, or, in IoT Edge, {', '.join(_EDGE)}"
    raise ValueError(msg)


def _first(names: Iterable[str]) -> str | None:
    return next((name for name in names if os.environ.get(name)), None)


def _access(name: str) -> _core.Access:
    try:
        return _core.Access.from_connection_string(os.environ[name], None)
    except ValueError as error:
        # It shows no part of the string that may be secret.
        msg = f"{name}: {error}"
        raise ValueError(msg) from None
