"""The command ``azmqtt namespace``: a local Event Grid namespace until Ctrl-C, or a command for one that runs."""

from __future__ import annotations

import argparse
import json
import shlex
from typing import Any

from azmqtt import _core
from azmqtt._cli import dev, fault, life, monitor, namespace_commands, namespace_itself, page
from azmqtt._cli.common import port_or_any, say_text, seconds
from azmqtt._cli.local import add_addresses, add_packets, directory, fail, run_service, settle
from azmqtt._cli.namespace_find import environment
from azmqtt._namespace import LocalNamespace

#: The ports of ``--dev``, at its first start: beside those of a hub.
_DEV_PORTS = {"port": 8885, "https_port": 8444}

#: Messages to keep unless the options ask for more: the lines on stderr need at most this many.
_RECENT = 1000


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``namespace`` to the commands of a parser."""
    parser = subparsers.add_parser(
        "namespace",
        help="run a local Event Grid namespace",
        description="Run a local Event Grid namespace, an MQTT broker with permission bindings, until Ctrl-C.",
    )
    _add_addresses(parser)
    _add_contents(parser)
    _add_behaviour(parser)
    fault.add_options(parser, "client_id=client1")
    add_packets(parser)
    life.add_options(parser)
    parser.add_argument("--json", action="store_true", help="print one line of JSON when ready, and nothing else")
    parser.add_argument("--open", action="store_true", help="open the namespace's page in the browser when ready")
    parser.set_defaults(run=run)
    commands = parser.add_subparsers(
        title="commands",
        metavar="COMMAND",
        description="Instead of running a namespace, change a running one, as 'az eventgrid namespace' does.",
    )
    namespace_commands.add_commands(commands)
    namespace_itself.add_commands(commands)
    page.add_namespace_commands(commands)
    monitor.add_namespace_commands(commands)


def _add_addresses(parser: argparse.ArgumentParser) -> None:
    """Add where it listens."""
    add_addresses(parser, port="TCP port of MQTT", hostname="the namespace's name in its certificate")
    parser.add_argument(
        "--https-port",
        type=port_or_any,
        metavar="PORT",
        help="TCP port of HTTPS and of MQTT over WebSockets, 0 for any free one (default: 0)",
    )
    dev.add_service_option(parser, _DEV_PORTS)


def _add_contents(parser: argparse.ArgumentParser) -> None:
    """Add what it begins with."""
    parser.add_argument("--state", type=directory, metavar="DIR", help="keep authority and resources in this directory")
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="resources to have, in JSON or YAML: clients, topic spaces, permission bindings and so on",
    )
    parser.add_argument(
        "--client",
        action="append",
        default=[],
        metavar="NAME",
        dest="clients",
        help="a client to create, with a certificate in the directory of --certificates; may be repeated",
    )
    parser.add_argument(
        "--certificates",
        type=directory,
        metavar="DIR",
        help="where the certificates of clients go, and their keys (default: the current directory)",
        default=".",
    )


def _add_behaviour(parser: argparse.ArgumentParser) -> None:
    """Add what clients notice, and who manages it."""
    parser.add_argument(
        "--units", type=int, default=1, metavar="N", help="throughput units, 1 to 40 (default: %(default)s)"
    )
    parser.add_argument(
        "--throttling", action="store_true", help="apply the service's rates, such as 1,000 messages a second"
    )
    parser.add_argument(
        "--propagation",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="how long a change of permissions takes to have its effect (default: %(default)g)",
    )
    parser.add_argument(
        "--operation-time",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="how long an operation of the management API is under way, for pollers (default: %(default)g)",
    )
    parser.add_argument("--allow-remote", action="store_true", help="allow webhooks on other machines")
    parser.add_argument(
        "--webhook-trust", metavar="FILE", help="certificates that those of webhooks may lead to as well, in PEM"
    )
    parser.add_argument(
        "--behaviour",
        action="append",
        type=_behaviour,
        default=[],
        metavar="NAME=CHOICE",
        dest="behaviours",
        help="what to do where the service is unknown; may be repeated. --behaviours lists the names",
    )
    parser.add_argument(
        "--behaviours", action="store_true", dest="list_behaviours", help="list the names and choices, then exit"
    )


def _behaviour(given: str) -> tuple[str, str]:
    name, equals, choice = given.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{given!r} is not NAME=CHOICE")
    return name, choice


def run(args: argparse.Namespace) -> int:
    """Run the namespace until it is told to stop; return the exit code."""
    if args.list_behaviours:
        for name, question, choices in _core.namespace_behaviours():
            say_text(f"{name}={'|'.join(choices)}\n    {question}.")
        return 0
    try:
        settle(args, "namespace", _DEV_PORTS)
    except (OSError, ValueError) as error:
        return fail("namespace", error)
    certificates: dict[str, tuple[str, str]] = {}

    def start() -> LocalNamespace:
        return LocalNamespace(
            host=args.host,
            port=args.port,
            https_port=args.https_port,
            state=args.state,
            hostname=args.hostname,
            record=True if args.open else _RECENT,
            # The page's timeline needs them.
            record_packets=args.packets or args.open,
            units=args.units,
            limits="service" if args.throttling else "sizes",
            propagation=args.propagation,
            operation_time=args.operation_time,
            allow_remote=args.allow_remote,
            webhook_trust=args.webhook_trust,
            allowed_origins=args.allow_origin,
            behaviours=dict(args.behaviours),
        )

    def prepare(namespace: LocalNamespace) -> None:
        if args.config is not None:
            namespace.apply(args.config)
        certificates.update(_have_clients(namespace, args))

    args.packets = args.packets or args.verbose
    return run_service(
        args,
        "namespace",
        start,
        prepare,
        lambda namespace: _report(namespace, certificates, args),
        lambda namespace: life.of_namespace(namespace, args),
    )


def _have_clients(namespace: LocalNamespace, args: argparse.Namespace) -> dict[str, tuple[str, str]]:
    """Make the clients that are asked for, and write their certificates; return where they are."""
    found = {}
    for name in dict.fromkeys(args.clients):
        made = namespace.create_client(name)
        if made.certificate is not None:
            found[name] = made.certificate.save(args.certificates, name)
    return found


def _report(namespace: LocalNamespace, certificates: dict[str, tuple[str, str]], args: argparse.Namespace) -> None:
    """Say how to connect. The token is of this machine and of this run: to print it is the purpose."""
    ready: dict[str, Any] = {
        "hostname": namespace.hostname,
        "port": namespace.port,
        "https_port": namespace.https_port,
        "management_url": namespace.management_url,
        "resource_id": namespace.resource_id,
        "ca_file": namespace.ca_file,
        "token": namespace.token,
    }
    if args.dev:
        dev.remember("namespace", ready)
    if args.json:
        say_text(json.dumps(ready))
        if args.open:
            page.show(namespace.page_url(), open_it=True, quiet=True)
        return
    say_text(f"The local Event Grid namespace listens on {args.host}, port {namespace.port}. Ctrl-C ends it.")
    say_text(f"MQTT over WebSockets is on port {namespace.https_port}.")
    say_text(f"Clients must trust this certificate:\n  {namespace.ca_file}")
    for name, (certificate, private_key) in certificates.items():
        say_text(f"Client {name} connects with this user name and:\n  {certificate}\n  {private_key}")
    for name, files in list(certificates.items())[:1]:
        say_text(f"To publish as client {name} from another shell:\n  {_publish(namespace, name, files)}")
    if args.dev:
        say_text("Commands find it with --dev, such as 'azmqtt namespace client list --dev'.")
    else:
        say_text("To use commands such as 'azmqtt namespace client list' in another shell, set its test token:")
        for name, value in environment(ready).items():
            say_text(f"  export {name}={shlex.quote(value)}")
    page.show(namespace.page_url(), open_it=args.open)


def _publish(namespace: LocalNamespace, name: str, files: tuple[str, str]) -> str:
    """Return a command that publishes as a client, to an example topic."""
    certificate, private_key = files
    options = {
        "-V": "mqttv5",
        "-q": "1",
        "-h": namespace.hostname,
        "-p": str(namespace.port),
        "--cafile": namespace.ca_file,
        "--cert": certificate,
        "--key": private_key,
        "-u": name,
        "-i": name,
        "-t": "rooms/a",
        "-m": '{"temperature": 21.5}',
    }
    return shlex.join(["mosquitto_pub", *(word for option in options.items() for word in option)])
