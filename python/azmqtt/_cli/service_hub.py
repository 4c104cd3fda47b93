"""What back-end applications do, on the command line: ``azmqtt hub device-identity …`` and the like, over REST."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING

from azmqtt._cli import common, service_configurations, service_identities, service_jobs, service_twins
from azmqtt._cli.service import command, ids_of, path_of, say, service_api
from azmqtt._rest.service import JsonText

if TYPE_CHECKING:
    import argparse

    from azmqtt._cli.service import Commands

_CONNECT_TIMEOUT_ALLOWANCE = 10

#: Seconds that a method may take (IoT Hub docs, "Understand and invoke direct methods").
_SHORTEST_CALL, _LONGEST_CALL = 5, 300


def add_commands(commands: Commands) -> None:
    """Add what goes below ``hub``, as it does below ``az iot hub``."""
    for kind in ("device", "module"):
        service_identities.add_commands(commands, kind)
        service_twins.add_commands(commands, kind)
        _add_method(commands, kind)
    query = command(commands, "query", "find twins and jobs", _query)
    query.add_argument("--query-command", "-q", required=True, metavar="QUERY", help="such as 'SELECT * FROM devices'")
    query.add_argument("--top", type=common.count, metavar="N", help="how many at most (default: all)")
    service_jobs.add_commands(commands)
    service_configurations.add_commands(commands)


def _add_method(commands: Commands, kind: str) -> None:
    what = f"call a direct method of a {kind}"
    method = command(commands, f"invoke-{kind}-method", what, _invoke, ids=ids_of(kind))
    method.add_argument("--method-name", "--mn", required=True, metavar="NAME", help="the method's name")
    method.add_argument(
        "--method-payload", "--mp", default="null", metavar="JSON", help="its argument; @FILE for a file, '-' for stdin"
    )


def _invoke(arguments: argparse.Namespace) -> int:
    from azmqtt._rest.https import read_json

    if not _SHORTEST_CALL <= arguments.timeout <= _LONGEST_CALL:
        raise common.UsageError(f"--timeout: a device may take {_SHORTEST_CALL} to {_LONGEST_CALL} s for a method")
    # Caller and device get each other's own words: nothing is read on the way.
    payload = common.json_text("--method-payload", arguments.method_payload)
    name, seconds = dumps(arguments.method_name), round(arguments.timeout)
    body = JsonText(f'{{"methodName":{name},"payload":{payload},"responseTimeoutInSeconds":{seconds}}}')
    # The hub counts the time, and says when it is over.
    timeout = arguments.timeout + _CONNECT_TIMEOUT_ALLOWANCE
    api = service_api(arguments)
    answer, _ = api.exchange("POST", path_of(arguments, "twins", "methods"), body, timeout=timeout)
    read_json("the device's answer", answer)
    common.say_json_text(answer.decode())
    return 0


def _query(arguments: argparse.Namespace) -> int:
    body = {"query": arguments.query_command}
    return say(service_api(arguments).entries("POST", "/devices/query", body, top=arguments.top))
