"""``azmqtt hub device-identity`` and ``module-identity``: devices and modules that a hub knows, and their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azmqtt._cli import common, fields
from azmqtt._cli.fields import Field
from azmqtt._cli.service import add_etag, command, group, ids_of, path_of, say, service_api
from azmqtt._rest.service import if_match

if TYPE_CHECKING:
    import argparse

    from azmqtt._cli.service import Commands
    from azmqtt._rest.service import ServiceApi

#: What a table shows of identities: no keys.
_COLUMNS = {
    "device": ("deviceId", "status", "connectionState", "lastActivityTime", "cloudToDeviceMessageCount"),
    "module": ("deviceId", "moduleId", "connectionState", "lastActivityTime", "cloudToDeviceMessageCount"),
}

#: How a device authenticates, as `az` and as the service call it.
_METHODS = {"shared_private_key": "sas", "x509_thumbprint": "selfSigned", "x509_ca": "certificateAuthority"}

_OF_DEVICES = (
    Field("status", ("--status", "--sta"), "whether it may connect", choices=fields.words("enabled", "disabled")),
    Field("statusReason", ("--status-reason", "--star"), "why it has this status"),
)

_KEYS = "authentication.symmetricKey"
_THUMBPRINTS = "authentication.x509Thumbprint"
_CREDENTIALS = (
    Field(f"{_KEYS}.primaryKey", ("--primary-key", "--pk"), "its key in base64"),
    Field(f"{_KEYS}.secondaryKey", ("--secondary-key", "--sk"), "its other key"),
    Field(f"{_THUMBPRINTS}.primaryThumbprint", ("--primary-thumbprint", "--ptp"), "its certificate, by thumbprint"),
    Field(f"{_THUMBPRINTS}.secondaryThumbprint", ("--secondary-thumbprint", "--stp"), "its other certificate"),
)

_AT_FIRST = (
    Field("authentication.type", ("--auth-method", "--am"), "how it authenticates", choices=_METHODS),
    Field("capabilities.iotEdge", ("--edge-enabled", "--ee"), "it is an IoT Edge device", "flag"),
)

_KINDS_OF_KEYS = {"primary": "primaryKey", "secondary": "secondaryKey"}
_KEY_BYTES = 32


def _fields(kind: str) -> tuple[Field, ...]:
    return (*_OF_DEVICES, *_CREDENTIALS) if kind == "device" else _CREDENTIALS


def add_commands(commands: Commands, kind: str) -> None:
    """Add what goes below ``device-identity``, or ``module-identity``."""
    verbs = group(commands, f"{kind}-identity", f"{kind}s that the hub knows")
    ids = ids_of(kind)
    create = command(verbs, "create", f"create a {kind}; its keys are random unless they are given", _create, ids=ids)
    fields.add(_fields(kind), create)
    fields.add(_AT_FIRST if kind == "device" else _AT_FIRST[:1], create)
    listing = command(verbs, "list", f"print all {kind}s", _list, ids=ids[:-1])
    listing.set_defaults(kind=kind)
    if kind == "device":
        listing.add_argument("--top", type=common.count, default=1000, metavar="N", help="how many at most (1,000)")
    command(verbs, "show", f"print a {kind}, with its keys", _show, ids=ids)
    update = command(verbs, "update", f"change a {kind}: only what is given", _update, ids=ids)
    fields.add(_fields(kind), update)
    add_etag(update, "the one that it has")
    renew = command(verbs, "renew-key", f"give a {kind} a new random key, or swap its keys", _renew, ids=ids)
    renew.add_argument(
        "--key-type", "--kt", required=True, choices=("primary", "secondary", "both", "swap"), help="which key"
    )
    add_etag(renew, "the one that it has")
    delete = command(verbs, "delete", f"delete a {kind}", _delete, ids=ids)
    add_etag(delete, "any")
    strings = group(verbs, "connection-string", f"the connection string of a {kind}")
    show = command(strings, "show", "print it; it is a secret", _connection_string, ids=ids)
    show.add_argument("--key-type", "--kt", choices=tuple(_KINDS_OF_KEYS), default="primary", help="with which key")


def _create(arguments: argparse.Namespace) -> int:
    body: dict[str, Any] = {"deviceId": arguments.device_id, "authentication": {"type": "sas"}}
    if arguments.kind == "module":
        body["moduleId"] = arguments.module_id
    fields.fill((*_fields(arguments.kind), *_AT_FIRST), arguments, body)
    if len(body["authentication"].get("symmetricKey", (1, 2))) == 1:
        raise common.UsageError("--primary-key and --secondary-key go together")
    return say(service_api(arguments).request("PUT", path_of(arguments, "devices"), body)[0])


def _list(arguments: argparse.Namespace) -> int:
    if arguments.kind == "module":
        found, _ = service_api(arguments).request("GET", path_of(arguments, "devices", "modules"))
    else:
        found, _ = service_api(arguments).request("GET", "/devices", query=f"&top={arguments.top}")
    return say(found, columns=_COLUMNS[arguments.kind])


def _show(arguments: argparse.Namespace) -> int:
    return say(_identity(service_api(arguments), arguments))


def _identity(api: ServiceApi, arguments: argparse.Namespace) -> Any:
    return api.request("GET", path_of(arguments, "devices"))[0]


def _update(arguments: argparse.Namespace) -> int:
    # Before anything is asked.
    fields.fill_some(_fields(arguments.kind), arguments, {})
    api = service_api(arguments)
    identity = _identity(api, arguments)
    fields.fill(_fields(arguments.kind), arguments, identity)
    return say(_put(api, arguments, identity))


def _put(api: ServiceApi, arguments: argparse.Namespace, identity: dict[str, Any]) -> Any:
    """Replace an identity, unless it has changed since it was read."""
    headers = if_match(arguments.etag or identity["etag"])
    return api.request("PUT", path_of(arguments, "devices"), identity, headers=headers)[0]


def _renew(arguments: argparse.Namespace) -> int:
    from base64 import b64encode
    from secrets import token_bytes

    api = service_api(arguments)
    identity = _identity(api, arguments)
    keys = _keys(identity)
    if arguments.key_type == "swap":
        keys["primaryKey"], keys["secondaryKey"] = keys["secondaryKey"], keys["primaryKey"]
    else:
        for kind, member in _KINDS_OF_KEYS.items():
            if arguments.key_type in (kind, "both"):
                keys[member] = b64encode(token_bytes(_KEY_BYTES)).decode()
    return say(_put(api, arguments, identity))


def _keys(identity: dict[str, Any]) -> dict[str, str]:
    """Return the keys of an identity.

    Raises:
        LookupError: It has none.
    """
    authentication = identity["authentication"]
    keys: dict[str, str] = authentication.get("symmetricKey") or {}
    if authentication["type"] != "sas" or not keys.get("primaryKey"):
        raise LookupError(f"it has no keys: its authentication is {authentication['type']}")
    return keys


def _delete(arguments: argparse.Namespace) -> int:
    service_api(arguments).request("DELETE", path_of(arguments, "devices"), headers=if_match(arguments.etag))
    return 0


def _connection_string(arguments: argparse.Namespace) -> int:
    api = service_api(arguments)
    identity = _identity(api, arguments)
    parts = {"HostName": api.host, "DeviceId": identity["deviceId"]}
    if arguments.kind == "module":
        parts["ModuleId"] = identity["moduleId"]
    if identity["authentication"]["type"] == "sas":
        parts["SharedAccessKey"] = _keys(identity)[_KINDS_OF_KEYS[arguments.key_type]]
    else:
        parts["x509"] = "true"
    return say({"connectionString": ";".join(f"{name}={value}" for name, value in parts.items())})
