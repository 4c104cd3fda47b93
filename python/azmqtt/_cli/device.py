"""The commands ``azmqtt device …``: send, receive, upload."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from azmqtt._cli import common, device_registration, messages, service_messages, simulate

if TYPE_CHECKING:
    import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``device`` to the commands of a parser."""
    device = subparsers.add_parser(
        "device", help="send and receive messages, simulate a device", description="Act as a device."
    )
    commands = device.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_send(commands)
    _add_receive(commands)
    simulate.add_command(commands)
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


def _send(arguments: argparse.Namespace) -> int:
    fields, application = messages.fields(arguments.props)
    for name in messages.SYSTEM.values():
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


def _receive(arguments: argparse.Namespace) -> int:
    got = 0
    with common.client(arguments) as client, client.messages(timeout=arguments.timeout) as received:
        for message in received:
            common.say_event(messages.shown(message))
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
