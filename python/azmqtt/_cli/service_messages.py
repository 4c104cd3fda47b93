"""``azmqtt device c2d-message send`` and ``purge``: messages to devices, as back-end applications send them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azmqtt._cli import common
from azmqtt._cli.service import command, path_of, service_api

if TYPE_CHECKING:
    import argparse

    from azmqtt._cli.service import Commands

#: The headers of a cloud-to-device message's properties (IoT Hub docs, "Create and read IoT Hub messages": HTTPS).
_HEADERS = {
    "message_id": "iothub-messageid",
    "correlation_id": "iothub-correlationid",
    "user_id": "iothub-userid",
    "content_type": "iothub-contenttype",
    "content_encoding": "iothub-contentencoding",
    "ack": "iothub-ack",
}


def add_commands(commands: Commands) -> None:
    """Add what goes below ``device c2d-message``, as it does below ``az iot device c2d-message``."""
    send = command(commands, "send", "send a message to a device of a local hub", _send, ids=("device",))
    data = send.add_mutually_exclusive_group(required=True)
    data.add_argument("--data", "--da", metavar="TEXT", help="the body")
    data.add_argument("--data-file-path", "--dfp", metavar="FILE", help="a file with the body, '-' for stdin")
    send.add_argument("--props", "-p", metavar="PROPS", help="properties, as in 'k=v;k2=v2', in small letters")
    send.add_argument("--message-id", "--mid", metavar="ID", help="the message's id (default: a random one)")
    send.add_argument("--correlation-id", "--cid", metavar="ID", help="the id of what it belongs to")
    send.add_argument("--user-id", "--uid", metavar="ID", help="who sends it")
    send.add_argument("--content-type", "--ct", metavar="TYPE", help="such as application/json")
    send.add_argument("--content-encoding", "--ce", metavar="ENCODING", help="such as utf-8")
    send.add_argument("--ack", choices=("none", "positive", "negative", "full"), help="which feedback is wanted")
    send.add_argument(
        "--expiry-time-utc", "--expiry", metavar="TIME", help="milliseconds of Unix time, or ISO 8601 in UTC"
    )
    command(commands, "purge", "empty a device's queue of messages", _purge, ids=("device",))


def _send(arguments: argparse.Namespace) -> int:
    from azmqtt._rest.https import path

    given = {header: getattr(arguments, name) for name, header in _HEADERS.items()}
    headers = {header: value for header, value in given.items() if value is not None}
    if arguments.expiry_time_utc is not None:
        headers["iothub-expiry"] = _expiry(arguments.expiry_time_utc)
    for name, value in common.properties(arguments.props).items():
        if not (name.isascii() and f"{name}{value}".isprintable() and name == name.lower()):
            raise common.UsageError(
                "--props: HTTP headers carry names in small letters, in ASCII, and printable values"
            )
        # UTF-8 on the wire: `http.client` writes the text of headers in Latin-1.
        headers[f"iothub-app-{name}"] = value.encode().decode("latin-1")
    body = arguments.data.encode() if arguments.data is not None else common.file_or_stdin(arguments.data_file_path)
    # The service takes these over AMQP alone: the route is the local hub's own.
    where = path("azmqtt", "devices", arguments.device_id, "messages", "deviceBound")
    answer, _ = service_api(arguments).request("POST", where, body, headers=headers)
    common.say({"message_id": answer["messageId"]})
    return 0


def _expiry(text: str) -> str:
    """Write the time as the service wants it; ``az`` has it in milliseconds."""
    if not text.isdigit():
        return text
    from datetime import datetime, timezone

    moment = datetime.fromtimestamp(int(text) / 1000, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _purge(arguments: argparse.Namespace) -> int:
    common.say(service_api(arguments).request("DELETE", path_of(arguments, "devices", "commands"))[0])
    return 0
