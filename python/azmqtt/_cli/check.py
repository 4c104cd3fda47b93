"""The command ``azmqtt check``: which step of a connection fails, and what to do about it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from azmqtt._cli import check_broker, common, dev

if TYPE_CHECKING:
    import argparse

    from azmqtt import _core


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``check`` to the commands of a parser."""
    parser = subparsers.add_parser(
        "check",
        parents=[common.connection_options("text", timeout=60)],
        help="find out why a connection fails",
        description="Check a connection step by step: DNS, TCP, TLS, credentials, CONNECT: that of a device, by its "
        "connection string, or with --hostname or --environment that of a client of any other broker. A client that is "
        "connected as the same device, or with the same client id, loses its connection to the check.",
    )
    check_broker.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check and report; 1 if a step failed."""
    found = check_broker.check(arguments) if check_broker.is_meant(arguments) else _check_device(arguments)
    steps = [_step(step) for step in found]
    failed = next((step for step in steps if not step["ok"]), None)
    if arguments.output == "table":
        common.say(steps, columns=("ok", "step", "seconds", "detail", "advice"))
    elif arguments.output == "text" and arguments.query is None:
        _print(steps)
    else:
        common.say({"ok": failed is None, "steps": steps}, pretty=True)
    if failed is None:
        return 0
    sys.stderr.write(f"azmqtt: the connection fails at {failed['step']}\n")
    return 1


def _check_device(arguments: argparse.Namespace) -> list[_core._Step]:
    from azmqtt import _core
    from azmqtt._options import core_options

    if dev.is_meant(arguments):
        found = dev.identity(arguments)
        where = found.options(websocket=arguments.websocket)
        access = _core.Access.from_connection_string(found.connection_string, None)
        return _core.check_connection(
            access, core_options({**where, **common.client_options(arguments)}), arguments.timeout
        )
    options = core_options(common.client_options(arguments))
    try:
        text = common.connection_string(arguments)
    except common.UsageError as error:
        raise common.UsageError(f"{error}; for any other broker --hostname") from None
    access = _core.Access.from_connection_string(text, _certificate(arguments))
    return _core.check_connection(access, options, arguments.timeout)


def _certificate(arguments: argparse.Namespace) -> _core.Certificate | None:
    if arguments.certificate is None and arguments.private_key is None:
        return None
    from azmqtt._client.certificates import load_certificate

    passphrase = os.environ.get(common.PASSPHRASE)
    return load_certificate(arguments.certificate, arguments.private_key, passphrase)


def _step(step: _core._Step) -> dict[str, Any]:
    name, ok, detail, advice, facts, took = step
    return {
        "step": name,
        "ok": ok,
        "detail": detail,
        "advice": advice,
        "facts": [{"name": fact, "value": value} for fact, value in facts],
        "seconds": round(took, 3),
    }


def _print(steps: list[dict[str, Any]]) -> None:
    for step in steps:
        mark = "ok    " if step["ok"] else "FAILED"
        sys.stdout.write(f"{mark}  {step['step']:<14}{step['detail']}  ({1000 * step['seconds']:.0f} ms)\n")
        for fact in step["facts"]:
            sys.stdout.write(f"        {'':<14}{fact['name']}: {fact['value']}\n")
        if step["advice"]:
            sys.stdout.write(f"        {'':<14}-> {step['advice']}\n")
