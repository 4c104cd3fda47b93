"""The commands ``azmqtt device …``: send, receive, simulate."""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from azmqtt._cli import common, device_registration, service_messages

if TYPE_CHECKING:
    from azmqtt import CloudMessage, DesiredPatch, DeviceClient, MethodRequest

#: What is sent where nothing else is wanted.
_DATA = '{"n": {{n}}, "time": "{{time}}", "temperature": {{random}}}'

_TEMPLATE = "{{n}} is the message's number, {{time}} the time in UTC, {{random}} a number from 0 to 100"

#: A status is a number of 32 bits, with a sign.
_STATUSES = 2**31

#: System properties that users of ``az iot`` write among the others.
_SYSTEM = {"$.mid": "message_id", "$.cid": "correlation_id", "$.ct": "content_type", "$.ce": "content_encoding"}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``device`` to the commands of a parser."""
    device = subparsers.add_parser(
        "device", help="send and receive messages, simulate a device", description="Act as a device."
    )
    commands = device.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_send(commands)
    _add_receive(commands)
    _add_simulate(commands)
    _add_upload(commands)
    device_registration.add_commands(commands)


def _add_send(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    send = commands.add_parser(
        "send-d2c-message",
        parents=[common.connection_options()],
        help="send a device-to-cloud message",
        description="Send one device-to-cloud message and wait until the hub has it.",
    )
    data = send.add_mutually_exclusive_group(required=True)
    data.add_argument("--data", metavar="TEXT", help="the body")
    data.add_argument("--data-file", metavar="FILE", help="a file with the body, '-' for stdin")
    send.add_argument(
        "--props",
        "-p",
        metavar="PROPS",
        help="properties, as in 'k=v;k2=v2'; $.mid, $.cid, $.ct and $.ce are system properties",
    )
    send.add_argument("--message-id", metavar="ID", help="$.mid")
    send.add_argument("--correlation-id", metavar="ID", help="$.cid")
    send.add_argument("--content-type", metavar="TYPE", help="$.ct, such as application/json")
    send.add_argument("--content-encoding", metavar="ENCODING", help="$.ce, such as utf-8")
    send.add_argument("--qos", type=int, choices=(0, 1), default=1, help="1 for at least once, 0 for at most once")
    send.set_defaults(run=_send)


def _add_receive(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    c2d = commands.add_parser(
        "c2d-message", help="receive or send cloud-to-device messages", description="Cloud-to-device messages."
    )
    verbs = c2d.add_subparsers(title="commands", required=True, metavar="COMMAND")
    service_messages.add_commands(verbs)
    receive = verbs.add_parser(
        "receive",
        parents=[common.connection_options()],
        help="print messages as they come",
        description="Print cloud-to-device messages as lines of JSON, each complete for the hub once it is printed. "
        "It is a failure if fewer come than were asked for within --timeout seconds of the last.",
    )
    receive.add_argument(
        "--count",
        type=common.count,
        default=1,
        metavar="N",
        help="how many to wait for; 0 for all until none comes for --timeout seconds (default: %(default)s)",
    )
    receive.set_defaults(run=_receive)


def _add_simulate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    simulate = commands.add_parser(
        "simulate",
        parents=[common.connection_options()],
        help="simulate a device",
        description="Send messages, answer direct methods, and print what the hub sends, as lines of JSON.",
    )
    simulate.add_argument("--data", default=_DATA, metavar="TEMPLATE", help=f"the body: {_TEMPLATE}")
    simulate.add_argument("--props", "--properties", "-p", metavar="PROPS", help="properties, as in 'k=v;k2=v2'")
    simulate.add_argument(
        "--msg-count", "--mc", type=common.count, default=100, metavar="N", help="0 for no end (default: %(default)s)"
    )
    simulate.add_argument(
        "--msg-interval",
        "--mi",
        type=common.seconds,
        default=3,
        metavar="SECONDS",
        help="between two messages (default: %(default)s)",
    )
    simulate.add_argument(
        "--receive-settle",
        "--rs",
        choices=("complete",),
        default="complete",
        help="what becomes of cloud-to-device messages; MQTT can only complete them",
    )
    simulate.add_argument(
        "--method-response-code",
        "--mrc",
        type=_status,
        default=200,
        metavar="STATUS",
        help="what direct methods are answered with (default: %(default)s)",
    )
    simulate.add_argument(
        "--method-response-payload", "--mrp", metavar="JSON", help="the same; @FILE for a file (default: what was sent)"
    )
    simulate.set_defaults(run=_simulate)


def _add_upload(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    upload = commands.add_parser(
        "upload-file",
        parents=[common.connection_options()],
        help="upload a file to the hub's storage account",
        description="Upload a file to the hub's storage account, over HTTPS.",
    )
    upload.add_argument("--file-path", "--fp", required=True, metavar="FILE", help="the file, '-' for stdin")
    upload.add_argument("--content-type", "--ct", metavar="TYPE", help="its media type, such as image/jpeg")
    upload.add_argument(
        "--blob-name", metavar="NAME", help="its name in storage, behind the device id (default: the file's name)"
    )
    upload.add_argument("--https-port", type=common.port, metavar="PORT", help="the port of HTTPS (default: 443)")
    upload.set_defaults(run=_upload)


def _status(text: str) -> int:
    try:
        status = int(text)
    except ValueError:
        status = _STATUSES
    if not -_STATUSES <= status < _STATUSES:
        raise argparse.ArgumentTypeError(f"{text} is not a status: a whole number of 32 bits")
    return status


def _send(arguments: argparse.Namespace) -> int:
    fields, application = _fields(arguments.props)
    for name in _SYSTEM.values():
        fields[name] = getattr(arguments, name) or fields.get(name)
    data = _data(arguments)
    with common.client(arguments) as client:
        client.send_message(data, properties=application, qos=arguments.qos, **fields)
        common.say({"device_id": client.device_id, "bytes": len(data)})
    return 0


def _upload(arguments: argparse.Namespace) -> int:
    name = arguments.blob_name or os.path.basename(arguments.file_path)  # noqa: PTH119 - as elsewhere
    if arguments.file_path == "-" and arguments.blob_name is None:
        raise common.UsageError("--file-path - needs --blob-name")
    with (
        common.open_or_stdin(arguments.file_path) as source,
        common.client(arguments, https_port=arguments.https_port) as client,
    ):
        result = client.upload_file(source, name, content_type=arguments.content_type)
    common.say({"blob_name": result.blob_name, "size": result.size})
    return 0


def _data(arguments: argparse.Namespace) -> bytes:
    if arguments.data is not None:
        return str(arguments.data).encode()
    return common.file_or_stdin(arguments.data_file)


def _fields(props: str | None) -> tuple[dict[str, Any], dict[str, str]]:
    """Part the system's properties from the application's."""
    application = common.properties(props)
    return {name: application.pop(wire, None) for wire, name in _SYSTEM.items()}, application


def _receive(arguments: argparse.Namespace) -> int:
    got = 0
    with common.client(arguments) as client, client.messages(timeout=arguments.timeout) as messages:
        for message in messages:
            common.say_event(_shown(message))
            got += 1
            if got == arguments.count:
                return 0
        error = client.last_error
    if got < arguments.count:
        # For one, the hub may be gone.
        why = f" ({error})" if error else ""
        sys.stderr.write(f"azmqtt: {got} of {arguments.count} messages came; none for {arguments.timeout:g} s{why}\n")
        return 1
    return 0


def _shown(message: CloudMessage) -> dict[str, Any]:
    fields = ("message_id", "correlation_id", "user_id", "to", "content_type", "content_encoding", "creation_time")
    system = {name: getattr(message, name) for name in (*fields, "expiry", "ack")}
    return {
        **common.body(message.body),
        "properties": message.properties,
        **{name: value for name, value in system.items() if value is not None},
    }


class _Device:
    """A simulated device: its handlers run on threads of the client's, and print one at a time."""

    def __init__(self, client: DeviceClient, status: int, payload: Any) -> None:
        self._lock = threading.Lock()
        self._status, self._payload = status, payload
        client.on_message(self._on_message)
        client.on_desired_properties(self._on_desired)
        client.on_method()(self._on_method)

    def say(self, event: str, **what: Any) -> None:
        with self._lock:
            common.say_event({"event": event, **what})

    def _on_message(self, message: CloudMessage) -> None:
        self.say("message", **_shown(message))

    def _on_desired(self, change: DesiredPatch) -> None:
        self.say("desired", patch=change.patch, version=change.version)

    def _on_method(self, request: MethodRequest) -> tuple[int, Any]:
        payload = request.payload if self._payload is None else self._payload
        self.say("method", name=request.name, payload=request.payload, status=self._status)
        return self._status, payload


def _simulate(arguments: argparse.Namespace) -> int:
    fields, application = _fields(arguments.props)
    payload = arguments.method_response_payload
    if payload is not None:
        payload = common.json_argument("--method-response-payload", payload)
    with common.client(arguments) as client:
        # Before the handlers, which would go on trying: what is wrong is to be said once.
        client.connect()
        device = _Device(client, arguments.method_response_code, payload)
        device.say("connected", device_id=client.device_id, hostname=client.hostname)
        number = 0
        while number < arguments.msg_count or arguments.msg_count == 0:
            if number:
                time.sleep(arguments.msg_interval)
            number += 1
            client.send_message(_fill(arguments.data, number).encode(), properties=application, **fields)
            device.say("sent", n=number)
    return 0


def _fill(template: str, number: int) -> str:
    from datetime import datetime, timezone
    from random import uniform

    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    random_number = f"{uniform(0, 100):.2f}"  # noqa: S311 - a temperature, not a secret
    return template.replace("{{n}}", str(number)).replace("{{time}}", now).replace("{{random}}", random_number)
