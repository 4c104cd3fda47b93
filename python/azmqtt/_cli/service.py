"""What back-end applications do, on the command line: ``azmqtt hub device-identity …`` and the like, over REST."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from azmqtt._cli import common, output

if TYPE_CHECKING:
    import argparse

    from azmqtt._cli.service_rest import ServiceApi

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no other name

#: Where a service connection string is looked for, as in Microsoft's samples.
CONNECTION_STRING = "IOTHUB_CONNECTION_STRING"

#: The headers of a cloud-to-device message's properties (IoT Hub docs, "Create and read IoT Hub messages": HTTPS).
_HEADERS = {
    "message_id": "iothub-messageid",
    "correlation_id": "iothub-correlationid",
    "user_id": "iothub-userid",
    "content_type": "iothub-contenttype",
    "content_encoding": "iothub-contentencoding",
    "ack": "iothub-ack",
}

#: What a table shows of identities: no keys.
_COLUMNS = {
    "device": ("deviceId", "status", "connectionState", "lastActivityTime", "cloudToDeviceMessageCount"),
    "module": ("deviceId", "moduleId", "connectionState", "lastActivityTime", "cloudToDeviceMessageCount"),
}

_CONNECT_TIMEOUT_ALLOWANCE = 10

#: Seconds that a method may take (IoT Hub docs, "Understand and invoke direct methods").
_SHORTEST_CALL, _LONGEST_CALL = 5, 300


def add_hub_commands(commands: Commands) -> None:
    """Add what goes below ``hub``, as it does below ``az iot hub``."""
    for kind in ("device", "module"):
        _add_identities(commands, kind)
        _add_twins(commands, kind)
        _add_method(commands, kind)
    query = _command(commands, "query", "find twins and jobs", _query)
    query.add_argument("--query-command", "-q", required=True, metavar="QUERY", help="such as 'SELECT * FROM devices'")
    query.add_argument("--top", type=common.count, metavar="N", help="how many at most (default: all)")


def add_message_commands(commands: Commands) -> None:
    """Add what goes below ``device c2d-message``, as it does below ``az iot device c2d-message``."""
    send = _command(commands, "send", "send a message to a device of a local hub", _send, ids=("device",))
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
    _command(commands, "purge", "empty a device's queue of messages", _purge, ids=("device",))


def _command(commands: Commands, name: str, what: str, run: Any, *, ids: tuple[str, ...] = ()) -> Any:
    """Add a command with the options that all of these have."""
    parser = commands.add_parser(
        name, help=what, description=f"{what[0].upper()}{what[1:]}, as a back-end application."
    )
    add_connection(parser)
    for kind in ids:
        parser.add_argument(f"--{kind}-id", f"-{kind[0]}", required=True, metavar="ID", help=f"the {kind}'s id")
    parser.set_defaults(run=run, kind=ids[-1] if ids else None)
    return parser


def add_connection(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which hub is meant, and how the result is printed."""
    output.add_options(parser.add_argument_group("output"))
    group = parser.add_argument_group("connection")
    group.add_argument(
        "--service-connection-string",
        "--login",
        "-l",
        metavar="TEXT",
        help=f"the hub's connection string with a policy, '-' to read it from stdin (default: ${CONNECTION_STRING})",
    )
    group.add_argument("--dev", action="store_true", help="the hub that 'azmqtt hub --dev' runs")
    group.add_argument(
        "--trust", metavar="FILE", help="a PEM file with the root certificates to trust: a local hub's CA file"
    )
    group.add_argument(
        "--timeout",
        "--to",
        type=common.seconds,
        default=30.0,
        metavar="SECONDS",
        help="how long to wait for an answer (default: %(default)g)",
    )


def _ids(kind: str) -> tuple[str, ...]:
    return ("device",) if kind == "device" else ("device", "module")


def _add_identities(commands: Commands, kind: str) -> None:
    parser = commands.add_parser(f"{kind}-identity", help=f"the {kind}s that the hub knows")
    verbs = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    create = _command(verbs, "create", f"make a {kind}", _create, ids=_ids(kind))
    create.add_argument("--primary-key", "--pk", metavar="KEY", help="its key in base64 (default: a random one)")
    create.add_argument("--secondary-key", "--sk", metavar="KEY", help="its other key")
    if kind == "device":
        create.add_argument(
            "--status", "--sta", choices=("enabled", "disabled"), default="enabled", help="whether it may connect"
        )
    listing = _command(verbs, "list", f"print all {kind}s", _list, ids=_ids(kind)[:-1])
    listing.set_defaults(kind=kind)
    if kind == "device":
        listing.add_argument("--top", type=common.count, default=1000, metavar="N", help="how many at most (1,000)")
    _command(verbs, "show", f"print a {kind}, with its keys", _show, ids=_ids(kind))
    _command(verbs, "delete", f"forget a {kind}", _delete, ids=_ids(kind))


def _add_twins(commands: Commands, kind: str) -> None:
    parser = commands.add_parser(f"{kind}-twin", help=f"twins of {kind}s as back-end applications see them")
    verbs = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _command(verbs, "show", "print the twin", _show_twin, ids=_ids(kind))
    update = _command(verbs, "update", "change desired properties or tags", _update_twin, ids=_ids(kind))
    patch = "a merge patch: an object in which null removes a property; @FILE for a file, '-' for stdin"
    update.add_argument("--desired", metavar="JSON", help=patch)
    update.add_argument("--tags", metavar="JSON", help="the same of tags")


def _add_method(commands: Commands, kind: str) -> None:
    method = _command(commands, f"invoke-{kind}-method", f"call a direct method of a {kind}", _invoke, ids=_ids(kind))
    method.add_argument("--method-name", "--mn", required=True, metavar="NAME", help="the method's name")
    method.add_argument(
        "--method-payload", "--mp", default="null", metavar="JSON", help="its argument; @FILE for a file, '-' for stdin"
    )


def service_api(arguments: argparse.Namespace) -> ServiceApi:
    """Find the hub by the options of :func:`add_connection`, or the environment.

    Raises:
        UsageError: There is no connection string.
        ValueError: It is not a service's, never showing the key; the file with the roots cannot be read.
        OSError: With ``--dev``: there is no such hub, or others can read its keys.
    """
    if arguments.dev:
        from azmqtt._client.dev_hub import service

        if arguments.service_connection_string is not None or arguments.trust is not None:
            raise common.UsageError("--dev knows the hub: leave the connection string and --trust out")
        return service(arguments.timeout)
    from azmqtt._cli.connection_string import parts
    from azmqtt._cli.service_rest import ServiceApi

    text: str | None = arguments.service_connection_string
    if text == "-":
        text = common.line_of_stdin()
    elif text is None:
        text = os.environ.get(CONNECTION_STRING)
    if not text:
        raise common.UsageError(
            "a service connection string is needed: --service-connection-string, '-' for stdin, or "
            f"${CONNECTION_STRING}; for the hub of 'azmqtt hub --dev' --dev"
        )
    return ServiceApi(parts(text), trust=arguments.trust, timeout=arguments.timeout)


def _path(arguments: argparse.Namespace, top: str, *rest: str) -> str:
    from azmqtt._cli.https import path

    module = ("modules", arguments.module_id) if getattr(arguments, "module_id", None) else ()
    return path(top, arguments.device_id, *module, *rest)


def _create(arguments: argparse.Namespace) -> int:
    body: dict[str, Any] = {"deviceId": arguments.device_id}
    if arguments.kind == "module":
        body["moduleId"] = arguments.module_id
    else:
        body["status"] = arguments.status
    keys = {"primaryKey": arguments.primary_key, "secondaryKey": arguments.secondary_key}
    given = {name: key for name, key in keys.items() if key is not None}
    if len(given) == 1:
        raise common.UsageError("--primary-key and --secondary-key go together")
    body["authentication"] = {"type": "sas", "symmetricKey": given or None}
    common.say(service_api(arguments).request("PUT", _path(arguments, "devices"), body)[0], pretty=True)
    return 0


def _list(arguments: argparse.Namespace) -> int:
    if arguments.kind == "module":
        found, _ = service_api(arguments).request("GET", _path(arguments, "devices", "modules"))
    else:
        found, _ = service_api(arguments).request("GET", "/devices", query=f"&top={arguments.top}")
    common.say(found, pretty=True, columns=_COLUMNS[arguments.kind])
    return 0


def _show(arguments: argparse.Namespace) -> int:
    common.say(service_api(arguments).request("GET", _path(arguments, "devices"))[0], pretty=True)
    return 0


def _delete(arguments: argparse.Namespace) -> int:
    service_api(arguments).request("DELETE", _path(arguments, "devices"), headers={"If-Match": "*"})
    return 0


def _show_twin(arguments: argparse.Namespace) -> int:
    common.say(service_api(arguments).request("GET", _path(arguments, "twins"))[0], pretty=True)
    return 0


def _update_twin(arguments: argparse.Namespace) -> int:
    from azmqtt._cli.service_rest import JsonText

    # In the caller's own words: numbers are not read on the way.
    parts: list[str] = []
    if arguments.desired is not None:
        parts.append(f'"properties":{{"desired":{common.json_text("--desired", arguments.desired)}}}')
    if arguments.tags is not None:
        parts.append(f'"tags":{common.json_text("--tags", arguments.tags)}')
    if not parts:
        raise common.UsageError("nothing to change: --desired or --tags")
    body = JsonText(f"{{{','.join(parts)}}}")
    common.say(service_api(arguments).request("PATCH", _path(arguments, "twins"), body)[0], pretty=True)
    return 0


def _invoke(arguments: argparse.Namespace) -> int:
    from azmqtt._cli.https import read_json
    from azmqtt._cli.service_rest import JsonText

    if not _SHORTEST_CALL <= arguments.timeout <= _LONGEST_CALL:
        raise common.UsageError(f"--timeout: a device may take {_SHORTEST_CALL} to {_LONGEST_CALL} s for a method")
    # Caller and device get each other's own words: nothing is read on the way.
    payload = common.json_text("--method-payload", arguments.method_payload)
    from json import dumps

    name, seconds = dumps(arguments.method_name), round(arguments.timeout)
    body = JsonText(f'{{"methodName":{name},"payload":{payload},"responseTimeoutInSeconds":{seconds}}}')
    # The hub counts the time, and says when it is over.
    timeout = arguments.timeout + _CONNECT_TIMEOUT_ALLOWANCE
    api = service_api(arguments)
    answer, _ = api.exchange("POST", _path(arguments, "twins", "methods"), body, timeout=timeout)
    read_json("the device's answer", answer)
    common.say_json_text(answer.decode())
    return 0


def _query(arguments: argparse.Namespace) -> int:
    api = service_api(arguments)
    found: list[Any] = []
    headers: dict[str, str] = {}
    while True:
        page, answered = api.request("POST", "/devices/query", {"query": arguments.query_command}, headers=headers)
        found += page
        token = answered.get("x-ms-continuation")
        if not token or (arguments.top is not None and len(found) >= arguments.top):
            break
        headers["x-ms-continuation"] = token
    common.say(found[: arguments.top], pretty=True)
    return 0


def _send(arguments: argparse.Namespace) -> int:
    from azmqtt._cli.https import path

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
    common.say(service_api(arguments).request("DELETE", _path(arguments, "devices", "commands"))[0])
    return 0
