"""The command ``azmqtt device simulate``: one device, or many in one process."""

from __future__ import annotations

import argparse
import threading
import time
from typing import TYPE_CHECKING, Any

from azmqtt._cli import common, messages

if TYPE_CHECKING:
    from azmqtt import CloudMessage, DesiredPatch, DeviceClient, MethodRequest

#: What is sent where nothing else is wanted.
_DATA = '{"n": {{n}}, "time": "{{time}}", "temperature": {{random}}}'

_TEMPLATE = "{{n}} is the message's number, {{time}} the time in UTC, {{random}} a number from 0 to 100"

#: A status is a number of 32 bits, with a sign.
_STATUSES = 2**31

#: So many devices fit into one process with room to spare.
_MOST_DEVICES = 10_000

#: Devices that are created, or connect, at the same time.
_AT_ONCE = 32

#: Seconds between two lines about the messages of many devices, at least.
_REPORT = 1.0


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
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
    many = simulate.add_mutually_exclusive_group()
    many.add_argument(
        "--devices",
        type=_devices,
        metavar="N",
        help=f"with --dev: simulate N devices in this process, 1 to {_MOST_DEVICES}. Their ids are the device id with "
        "-1, -2 and so on; missing ones are created",
    )
    many.add_argument(
        "--connection-strings",
        metavar="FILE",
        help="simulate a device for each line of a file with connection strings; '-' for stdin",
    )
    simulate.set_defaults(run=_simulate)


def _devices(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST_DEVICES):
        raise argparse.ArgumentTypeError(f"{text} is not a number of devices: 1 to {_MOST_DEVICES}")
    return int(text)


def _status(text: str) -> int:
    try:
        status = int(text)
    except ValueError:
        status = _STATUSES
    if not -_STATUSES <= status < _STATUSES:
        raise argparse.ArgumentTypeError(f"{text} is not a status: a whole number of 32 bits")
    return status


class _Output:
    """Prints events one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def say(self, event: str, **what: Any) -> None:
        with self._lock:
            common.say_event({"event": event, **what})


class _Device:
    """A simulated device: its handlers run on threads of the client's."""

    def __init__(self, client: DeviceClient, output: _Output, answer: tuple[int, Any], who: dict[str, str]) -> None:
        self._output, self._who = output, who
        self._status, self._payload = answer
        client.on_message(self._on_message)
        client.on_desired_properties(self._on_desired)
        client.on_method()(self._on_method)

    def _on_message(self, message: CloudMessage) -> None:
        self._output.say("message", **self._who, **messages.shown(message))

    def _on_desired(self, change: DesiredPatch) -> None:
        self._output.say("desired", **self._who, patch=change.patch, version=change.version)

    def _on_method(self, request: MethodRequest) -> tuple[int, Any]:
        payload = request.payload if self._payload is None else self._payload
        self._output.say("method", **self._who, name=request.name, payload=request.payload, status=self._status)
        return self._status, payload


def _simulate(arguments: argparse.Namespace) -> int:
    payload = arguments.method_response_payload
    if payload is not None:
        payload = common.json_argument("--method-response-payload", payload)
    answer = (arguments.method_response_code, payload)
    if arguments.devices is None and arguments.connection_strings is None:
        return _simulate_one(arguments, answer)
    import asyncio

    return asyncio.run(_simulate_many(arguments, _clients(arguments), answer))


def _simulate_one(arguments: argparse.Namespace, answer: tuple[int, Any]) -> int:
    fields, application = messages.fields(arguments.props)
    output = _Output()
    with common.client(arguments) as client:
        # Before the handlers, which would go on trying: what is wrong is to be said once.
        client.connect()
        _Device(client, output, answer, {})
        output.say("connected", device_id=client.device_id, hostname=client.hostname)
        number = 0
        while number < arguments.msg_count or arguments.msg_count == 0:
            if number:
                time.sleep(arguments.msg_interval)
            number += 1
            client.send_message(_fill(arguments.data, number).encode(), properties=application, **fields)
            output.say("sent", n=number)
    return 0


async def _simulate_many(arguments: argparse.Namespace, clients: list[DeviceClient], answer: tuple[int, Any]) -> int:
    import asyncio

    fields, application = messages.fields(arguments.props)
    output = _Output()
    places = asyncio.Semaphore(_AT_ONCE)
    sent = 0

    async def connect(client: DeviceClient) -> None:
        async with places:
            await client.connect_async()
        _Device(client, output, answer, {"device_id": client.device_id})

    async def send(client: DeviceClient, delay: float) -> None:
        nonlocal sent
        loop = asyncio.get_running_loop()
        due = loop.time() + delay
        number = 0
        while number < arguments.msg_count or arguments.msg_count == 0:
            # From the start, so that the time that a message takes does not add up.
            await asyncio.sleep(due - loop.time())
            due += arguments.msg_interval
            number += 1
            body = _fill(arguments.data, number).encode()
            await client.send_message_async(body, properties=application, **fields)
            sent += 1

    async def report() -> None:
        before = 0
        while True:
            await asyncio.sleep(max(_REPORT, arguments.msg_interval))
            output.say("sent", devices=len(clients), messages=sent, since_last=sent - before)
            before = sent

    try:
        await asyncio.gather(*map(connect, clients))
        output.say("connected", devices=len(clients), hostname=clients[0].hostname)
        reporting = asyncio.create_task(report())
        # Not all at the same time: spread over the interval.
        delays = (arguments.msg_interval * index / len(clients) for index in range(len(clients)))
        try:
            await asyncio.gather(*map(send, clients, delays))
        finally:
            reporting.cancel()
        output.say("sent", devices=len(clients), messages=sent)
    finally:
        await asyncio.gather(*(client.close_async() for client in clients), return_exceptions=True)
    return 0


def _clients(arguments: argparse.Namespace) -> list[DeviceClient]:
    """Make the clients of many devices, not yet connected."""
    from azmqtt import DeviceClient
    from azmqtt._cli import dev

    options = common.client_options(arguments)
    if arguments.connection_strings is not None:
        if arguments.dev or arguments.connection_string is not None:
            raise common.UsageError("--connection-strings goes with neither --dev nor --connection-string")
        text = common.text_or_file(common.at_file(arguments.connection_strings))
        lines = [line.strip() for line in text.splitlines()]
        strings = [line for line in lines if line and not line.startswith("#")]
        if not 1 <= len(strings) <= _MOST_DEVICES:
            source = "stdin" if arguments.connection_strings == "-" else arguments.connection_strings
            found = f"{len(strings):,}" if strings else "no"
            raise common.UsageError(f"{source}: {found} connection strings; write 1 to {_MOST_DEVICES:,}, one per line")
        return [DeviceClient.from_connection_string(text, **options) for text in strings]
    if not dev.is_meant(arguments):
        raise common.UsageError("--devices needs --dev; for another hub, use --connection-strings")
    where, strings = dev.identities(arguments, arguments.devices)
    return [DeviceClient.from_connection_string(text, **{**where, **options}) for text in strings]


def _fill(template: str, number: int) -> str:
    from datetime import datetime, timezone
    from random import uniform

    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    random_number = f"{uniform(0, 100):.2f}"  # noqa: S311 - a temperature, not a secret
    return template.replace("{{n}}", str(number)).replace("{{time}}", now).replace("{{random}}", random_number)
