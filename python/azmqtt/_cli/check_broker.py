"""``azmqtt check`` for other brokers than IoT Hub: Event Grid namespaces, IoT Operations, any."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from azmqtt._cli import common

if TYPE_CHECKING:
    import argparse

    from azmqtt._core import _Step as Step

#: Where a password is looked for.
PASSWORD = "AZMQTT_PASSWORD"  # noqa: S105 - the name of a variable

_METHODS = ("OAUTH2-JWT", "CUSTOM-JWT", "K8S-SAT")
_FIVE = 5
#: MQTT 5 §1.5.6: neither a password nor authentication data is longer than so many bytes.
_LONGEST = 65_535
#: What only another broker has, by the names in the namespace.
_OPTIONS = ("client_id", "username", "password_file", "path", "protocol", "token_file", "method", "no_tls")
#: Options that a client has by the same name; the others need more than that.
_PLAIN = (
    *("hostname", "client_id", "username", "port", "path", "protocol"),
    *("trust", "proxy", "certificate", "private_key"),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of another broker to the command."""
    group = parser.add_argument_group("another broker than IoT Hub")
    group.add_argument(
        "--hostname", metavar="HOST", help="the broker, such as that of an Event Grid namespace (NAME.REGION-1.ts.…)"
    )
    group.add_argument(
        "--environment",
        action="store_true",
        help="take what no option says from the variables of Azure IoT Operations' clients, $AIO_BROKER_HOSTNAME, …",
    )
    group.add_argument("--client-id", metavar="ID", help="the client id (default: the broker assigns one)")
    group.add_argument("--username", metavar="NAME", help="the user name: for Event Grid the authentication name")
    group.add_argument(
        "--password-file", metavar="FILE", help=f"a file with the password, '-' for stdin (default: ${PASSWORD})"
    )
    group.add_argument(
        "--token-file", metavar="FILE", help="a file with a JSON Web Token to authenticate with, '-' for stdin"
    )
    group.add_argument("--method", choices=_METHODS, help="the authentication method that the token is for")
    group.add_argument("--protocol", type=int, choices=(_FIVE, 4), help="5 for MQTT 5, 4 for MQTT 3.1.1 (default: 5)")
    group.add_argument("--path", metavar="PATH", help="the path of the WebSocket (default: /mqtt)")
    group.add_argument("--no-tls", action="store_true", default=None, help="speak MQTT without encryption")


def is_meant(arguments: argparse.Namespace) -> bool:
    """Tell whether another broker is meant, and not a device's hub.

    Raises:
        UsageError: Options of both are there.
    """
    broker = arguments.hostname is not None or arguments.environment
    if broker and arguments.connection_string is not None:
        raise common.UsageError("--connection-string is for IoT Hub, and another broker has none")
    if broker and arguments.dev:
        raise common.UsageError("--dev is for the hub of 'azmqtt hub --dev', not for another broker")
    strays = [name for name in _OPTIONS if getattr(arguments, name) is not None]
    if strays and not broker:
        raise common.UsageError(f"--{strays[0].replace('_', '-')} is for another broker than IoT Hub: pass --hostname")
    return broker


def check(arguments: argparse.Namespace) -> list[Step]:
    """Check the connection of a client.

    Raises:
        ValueError: An option cannot be, or a file cannot be read.
    """
    from azmqtt import _core
    from azmqtt._mqtt.options import broker_options

    options: dict[str, Any] = {}
    if arguments.environment:
        from azmqtt._mqtt.environment import from_environment

        options = from_environment()
    options |= _given(arguments)
    authentication = options.pop("authentication", None)
    token = _token(arguments)
    if token is None and authentication is not None:
        token = authentication.method, bytes(authentication.begin().data)
    if token is not None and options.get("protocol", _FIVE) != _FIVE:
        raise common.UsageError("a token is for MQTT 5: MQTT 3.1.1 has no AUTH")
    laid_out = broker_options(options.pop("hostname"), options.pop("client_id", None), options, None)
    return _core.check_broker(laid_out, token, arguments.timeout)


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    """Lay out the options of the command for a client."""
    found = {name: getattr(arguments, name) for name in _PLAIN if getattr(arguments, name) is not None}
    if arguments.websocket:
        found["websocket"] = True
    if arguments.no_tls:
        found["tls"] = False
    if arguments.certificate or arguments.private_key:
        found["passphrase"] = os.environ.get(common.PASSPHRASE)
    password = os.environ.get(PASSWORD)
    if arguments.password_file is not None:
        # Editors add the end of a line.
        found["password"] = _content("--password-file", arguments.password_file).rstrip(b"\r\n")
    elif password:
        found["password"] = password
    return found


def _token(arguments: argparse.Namespace) -> tuple[str, bytes] | None:
    if (arguments.token_file is None) != (arguments.method is None):
        raise common.UsageError("--token-file and --method go together")
    if arguments.token_file is None:
        return None
    text = _content("--token-file", arguments.token_file).strip()
    if not text:
        raise ValueError("--token-file: the file contains no token")
    return arguments.method, text


def _content(option: str, path: str) -> bytes:
    content = common.file_or_stdin(path)
    if len(content) > _LONGEST:
        raise ValueError(f"{option}: it has more than {_LONGEST:,} bytes, which MQTT does not take")
    return content
