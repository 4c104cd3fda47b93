"""The command ``azmqtt``."""

from __future__ import annotations

import os
import sys
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from azmqtt import __version__, _options
from azmqtt._cli import common, output, usage
from azmqtt._cli.completion import SHELLS, script

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

#: Where a command is defined.
_MODULES = {
    "device": "device",
    "device-twin": "twin",
    "generate-sas-token": "sas",
    "check": "check",
    "dps": "dps",
    "hub": "hub",
    "fault": "fault",
    "namespace": "namespace",
}

#: What a shell sees of a command that Ctrl-C ended.
_INTERRUPTED = 130

_FROM_ENVIRONMENT = object()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 for a failure with one line on stderr, 130 for Ctrl-C.

    It is 2 for wrong usage; where the parser finds it, that ends the process.
    """
    if sys.stdout is None:
        # It was closed before the start: what is done counts, and nobody reads.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - until the end
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = _parser(*arguments[:1])
    parser.check(arguments)
    parsed = parser.parse_args(arguments)
    _options.for_command = True
    try:
        common.check_stdin(parsed)
        with (
            output.chosen(parsed),
            common.repeated_signals(),
            common.signals(("SIGTERM", "SIGHUP"), _end),
            warnings.catch_warnings(),
        ):
            warnings.showwarning = _show_warning  # type: ignore[assignment]
            code: int = parsed.run(parsed)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read this has seen enough. Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - people read this, not developers
        sys.stderr.write(f"azmqtt: {_line(error, getattr(parsed, 'names', {}))}\n")
        return _code(error)
    finally:
        _options.for_command = False
    return code


def _code(error: Exception) -> int:
    """Tell wrong usage, which is found before anything is done, from a failure."""
    from azmqtt._errors import IotHubError

    # Some errors of the package are ValueErrors, too.
    return 2 if isinstance(error, ValueError | TypeError) and not isinstance(error, IotHubError) else 1


def _end(number: int, _frame: object) -> None:
    """End the command as ``sys.exit`` does, so that what it has open is closed."""
    raise SystemExit(common.ENDED_BY_SIGNAL + number)


def _show_warning(message: Warning | str, *_where: Any) -> None:
    # People read this, who have no use for a line of our own code.
    sys.stderr.write(f"azmqtt: warning: {message}\n")


#: What the arguments of a client are called here.
_OPTIONS = {
    "trust": "--trust",
    "certificate": "--certificate",
    "private_key": "--private-key",
    "passphrase": f"${common.PASSPHRASE}",
    "proxy": "--proxy",
    "username": "--username",
    "client_id": "--client-id",
    "path": "--path",
}


def _line(error: Exception, names: dict[str, str]) -> str:
    """Say what went wrong in one line, with the names that the command has for arguments."""
    from azmqtt._errors import IotHubError

    text = " ".join(str(error).split())
    argument, colon, rest = text.partition(": ")
    names = {**_OPTIONS, **names}
    if argument in names:
        text = f"{names[argument]}{colon}{rest}"
    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if error.filename else ""
        return f"{name}{error.strerror}"
    if isinstance(error, IotHubError | ValueError | TypeError | LookupError | OSError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _parser(command: str = "") -> usage.Parser:
    """Make the parser of one command, if it is one that has a module, or of all: modules take time to import."""
    parser = usage.Parser(
        prog="azmqtt",
        description="Unofficial: a device client of Azure IoT Hub, a local hub and a local Event Grid namespace, "
        "and a check of any MQTT broker.",
    )
    parser.add_argument("--version", "-V", action="version", version=f"azmqtt {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name in [command] if command in _MODULES else _MODULES:
        import_module(f"azmqtt._cli.{_MODULES[name]}").add_parser(commands)
    completion = commands.add_parser(
        "completion",
        help="print a script that completes commands in a shell",
        description="Print a script that completes commands, options and file names in a shell, without running "
        "azmqtt. It goes into a file that the shell reads, such as "
        "~/.local/share/bash-completion/completions/azmqtt or ~/.config/fish/completions/azmqtt.fish.",
    )
    completion.add_argument("shell", choices=SHELLS, help="which shell")
    completion.set_defaults(run=lambda arguments: _completion(arguments.shell))
    demo = commands.add_parser(
        "demo",
        help="show a whole device session",
        description="Show a whole device session against a local hub, or against a hub of yours.",
    )
    demo.add_argument(
        "--connection-string",
        "-l",
        metavar="TEXT",
        nargs="?",
        const=_FROM_ENVIRONMENT,
        help="use a real hub, by a device's connection string. Without TEXT it is read from the environment variable "
        f"{common.CONNECTION_STRING}, with - from stdin: other users can see a command line",
    )
    demo.add_argument(
        "what",
        nargs="?",
        choices=("hub", "namespace"),
        default="hub",
        help="a device and a hub, or two clients and an Event Grid namespace (default: %(default)s)",
    )
    demo.set_defaults(run=_demo)
    return parser


def _completion(shell: str) -> int:
    common.say_text(script(_parser(), shell))
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    if arguments.what == "namespace":
        if arguments.connection_string is not None:
            print("azmqtt demo: a connection string is of a hub, not of a namespace", file=sys.stderr)
            return 2
        from azmqtt._cli import demo_namespace

        return demo_namespace.run()
    from azmqtt._cli import demo

    try:
        connection_string = _connection_string(arguments.connection_string)
    except ValueError as error:
        print(f"azmqtt demo: {error}", file=sys.stderr)
        return 2
    return demo.run(connection_string)


def _connection_string(given: object) -> str | None:
    """Find the connection string that ``--connection-string`` means.

    Raises:
        ValueError: It is missing.
    """
    if given is None or (isinstance(given, str) and given != "-"):
        return given
    where = "the standard input" if given == "-" else f"the environment variable {common.CONNECTION_STRING}"
    text = (common.line_of_stdin() if given == "-" else os.environ.get(common.CONNECTION_STRING, "")).strip()
    if not text:
        raise ValueError(f"{where} contains no connection string")
    return text
