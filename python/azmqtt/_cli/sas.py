"""The command ``azmqtt generate-sas-token``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from azmqtt._cli import common, output
from azmqtt._support.arguments import within
from azmqtt._support.connection_string import parts

if TYPE_CHECKING:
    import argparse

#: Where a key is looked for.
KEY = "AZMQTT_KEY"

_LONGEST = 2**32 - 1


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``generate-sas-token`` to the commands of a parser."""
    parser = subparsers.add_parser(
        "generate-sas-token",
        help="sign a SAS token",
        description="Sign a SAS token for a device, a module or a whole hub, and print it as JSON. It is a secret.",
    )
    parser.add_argument(
        "--connection-string",
        "-l",
        metavar="TEXT",
        help="the connection string of a device, a module or a hub policy, '-' to read it from stdin "
        f"(default: ${common.CONNECTION_STRING}, unless --hostname is given)",
    )
    parser.add_argument("--hub-name", "-n", metavar="NAME", help="the hub, without .azure-devices.net")
    parser.add_argument("--hostname", metavar="HOST", help="the hub's host name, in place of --hub-name")
    parser.add_argument("--device-id", "-d", metavar="ID", help="the device; without it the token is for the whole hub")
    parser.add_argument("--module-id", "-m", metavar="ID", help="the module")
    parser.add_argument("--key", metavar="KEY", help=f"the key in base64, '-' to read it from stdin (default: ${KEY})")
    parser.add_argument("--policy-name", "--pn", metavar="NAME", help="the hub policy that the key belongs to")
    parser.add_argument(
        "--duration",
        "--du",
        type=common.count,
        default=3600,
        metavar="SECONDS",
        help="how long it is valid (default: %(default)s)",
    )
    output.add_options(parser.add_argument_group("output"))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the token."""
    from azmqtt import sas

    fields = _fields(arguments)
    resource, policy = fields["HostName"], fields.get("SharedAccessKeyName")
    if "ModuleId" in fields and "DeviceId" not in fields:
        raise ValueError("--module-id needs --device-id")
    if "DeviceId" in fields:
        resource += f"/devices/{fields['DeviceId']}"
    if "ModuleId" in fields:
        resource += f"/modules/{fields['ModuleId']}"
    if "DeviceId" not in fields and policy is None:
        raise ValueError("a token for the whole hub needs --policy-name, a token for a device --device-id")
    within("--duration", arguments.duration, 1, _LONGEST, "s")
    common.say({"sas": sas.generate(resource, fields["SharedAccessKey"], ttl=arguments.duration, policy=policy)})
    return 0


def _fields(arguments: argparse.Namespace) -> dict[str, str]:
    """Collect the parts of a connection string, from one and from the options, which go first."""
    fields: dict[str, str] = {}
    host = arguments.hostname or (f"{arguments.hub_name}.azure-devices.net" if arguments.hub_name else None)
    if arguments.connection_string is not None or host is None:
        fields = parts(common.connection_string(arguments))
    key = arguments.key
    if key == "-":
        key = common.line_of_stdin()
    elif key is None and "SharedAccessKey" not in fields:
        key = os.environ.get(KEY)
    given = {
        "HostName": host,
        "DeviceId": arguments.device_id,
        "ModuleId": arguments.module_id,
        "SharedAccessKey": key,
        "SharedAccessKeyName": arguments.policy_name,
    }
    fields.update({name: value for name, value in given.items() if value})
    if not fields.get("HostName"):
        raise ValueError("the connection string has no HostName")
    if not fields.get("SharedAccessKey"):
        raise ValueError(f"a key is needed: --key, '-' for stdin, or ${KEY}")
    return fields
