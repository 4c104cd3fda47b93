"""What the commands of a device share: how it is connected, and how results are printed."""

from __future__ import annotations

import _thread
import argparse
import contextlib
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, BinaryIO

from azmqtt._cli import output, usage
from azmqtt._support import strict_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from azmqtt import DeviceClient
    from azmqtt._options import ClientOptions

#: Where a connection string is looked for, as in Microsoft's samples.
CONNECTION_STRING = "IOTHUB_DEVICE_CONNECTION_STRING"

#: What a shell adds to the number of the signal that ended a command.
ENDED_BY_SIGNAL = 128

#: Where the passphrase of a private key is looked for.
PASSPHRASE = "AZMQTT_PASSPHRASE"  # noqa: S105 - the name of a variable

UsageError = usage.UsageError
say = output.say
say_all = output.say_all
say_event = output.say_event
say_json_text = output.say_json_text
say_text = output.say_text

_MAX_PORT = 65_535
#: Seconds: a year.
_LONGEST = 86_400 * 365


@contextlib.contextmanager
def signals(names: Iterable[str], handler: Callable[[int, object], None]) -> Iterator[None]:
    """Handle signals of these names, where the system has them and nobody has had them ignored (nohup does)."""
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for name in names:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextlib.contextmanager
def repeated_signals() -> Iterator[None]:
    """Repeat a signal whose exception Python drops, because a finalizer was running when it came."""
    before = sys.unraisablehook

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        error = unraisable.exc_value
        if isinstance(error, KeyboardInterrupt):
            number: int = signal.SIGINT
        elif isinstance(error, SystemExit) and isinstance(error.code, int):
            number = error.code - ENDED_BY_SIGNAL
        else:
            before(unraisable)
            return
        # A moment later, from another thread: here the exception would be dropped again.
        again = threading.Timer(0.01, _send_to_main_thread, (number,))
        again.daemon = True
        again.start()

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _send_to_main_thread(number: int) -> None:
    main = threading.main_thread().ident
    if sys.platform == "win32" or main is None:
        _thread.interrupt_main(signal.Signals(number))
    else:
        signal.pthread_kill(main, number)


def connection_options(*others: str, timeout: float = 30) -> argparse.ArgumentParser:
    """Make the parent of the parsers of commands that connect; ``others`` are those of :func:`output.add_options`."""
    from azmqtt._cli import dev

    parser = argparse.ArgumentParser(add_help=False, parents=[network_options(*others, timeout=timeout)])
    group = parser.add_argument_group("device")
    group.add_argument(
        "--connection-string",
        "-l",
        metavar="TEXT",
        help=f"the device's or module's connection string, '-' to read it from stdin (default: ${CONNECTION_STRING})",
    )
    dev.add_client_options(group)
    group.add_argument("--certificate", metavar="FILE", help="the client certificate in PEM, for x509=true")
    group.add_argument(
        "--private-key", metavar="FILE", help=f"its private key in PEM; the passphrase is read from ${PASSPHRASE}"
    )
    return parser


def network_options(*others: str, timeout: float) -> argparse.ArgumentParser:
    """Make the parent of the parsers of commands that connect in a way of their own."""
    parser = argparse.ArgumentParser(add_help=False)
    output.add_options(parser.add_argument_group("output"), *others)
    group = parser.add_argument_group("connection")
    group.add_argument("--port", type=port, metavar="PORT", help="the port (default: 8883, or 443 with --websocket)")
    group.add_argument("--trust", metavar="FILE", help="a PEM file with the root certificates to trust")
    group.add_argument("--websocket", action="store_true", help="speak MQTT over WebSockets, on port 443")
    group.add_argument(
        "--proxy", metavar="URL", help="http://… or socks5://… to go through, or 'environment' for HTTPS_PROXY"
    )
    group.add_argument(
        "--timeout",
        type=seconds,
        default=timeout,
        metavar="SECONDS",
        help="how long to wait for an answer (default: %(default)s)",
    )
    return parser


def add_timeout(group: argparse._ArgumentGroup, patience: float, *names: str, listens: bool) -> None:
    """Add ``--timeout``: for an answer, or, of a command that ``listens``, for what comes next.

    Args:
        group: Where.
        patience: Seconds to wait for an answer by default.
        names: Other names of the option.
        listens: Whether the command listens.
    """
    group.add_argument(
        "--timeout",
        *names,
        type=seconds_or_none if listens else seconds,
        default=0.0 if listens else patience,
        metavar="SECONDS",
        help="end when nothing has come for so long, 0 for no end (default: 0)"
        if listens
        else "how long to wait for an answer (default: %(default)g)",
    )


def port(text: str) -> int:
    """Read a TCP port."""
    return _port(text, 1)


def port_or_any(text: str) -> int:
    """Read a TCP port to listen on; 0 is any free one."""
    return _port(text, 0)


def _port(text: str, least: int) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text) <= _MAX_PORT):
        raise argparse.ArgumentTypeError(f"{text} is not a port: {least} to {_MAX_PORT}")
    return int(text)


def seconds(text: str) -> float:
    """Read a span of time above zero."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds: more than 0, at most {_LONGEST}")
    return value


def seconds_or_none(text: str) -> float:
    """Read a span of time; 0 stands for none."""
    return 0.0 if text == "0" else seconds(text)


def count(text: str) -> int:
    """Read a number from 0 on."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 on")
    return int(text)


def connection_string(arguments: argparse.Namespace) -> str:
    """Find the connection string: the option, stdin, or the environment."""
    text: str | None = arguments.connection_string
    if text == "-":
        text = line_of_stdin()
        if not text:
            raise UsageError("--connection-string: stdin contains no connection string")
    elif text is None:
        text = os.environ.get(CONNECTION_STRING)
    if not text:
        raise UsageError(
            f"a connection string is needed: --connection-string, '-' for stdin, or ${CONNECTION_STRING}; "
            "for the hub of 'azmqtt hub --dev' --dev"
        )
    return text


def client_options(arguments: argparse.Namespace) -> ClientOptions:
    """Lay out the options of the connection for a client."""
    options: ClientOptions = {"timeout": arguments.timeout}
    if arguments.port is not None:
        options["port"] = arguments.port
    if arguments.trust is not None:
        options["trust"] = arguments.trust
    if arguments.websocket:
        options["websocket"] = True
    if arguments.proxy is not None:
        options["proxy"] = arguments.proxy
    return options


def client(arguments: argparse.Namespace, *, https_port: int | None = None) -> DeviceClient:
    """Make a client, not yet connected."""
    from azmqtt import DeviceClient
    from azmqtt._cli import dev

    options = client_options(arguments)
    if https_port is not None:
        options["https_port"] = https_port
    if dev.is_meant(arguments):
        found = dev.identity(arguments)
        where = found.options(websocket=arguments.websocket)
        return DeviceClient.from_connection_string(found.connection_string, **{**where, **options})
    return DeviceClient.from_connection_string(
        connection_string(arguments),
        certificate=arguments.certificate,
        private_key=arguments.private_key,
        passphrase=os.environ.get(PASSPHRASE) if arguments.private_key or arguments.certificate else None,
        **options,
    )


def at_file(path: str) -> str:
    """Return what :func:`text_or_file` takes for a file, or for ``-``."""
    return path if path == "-" else f"@{path}"


def text_or_file(text: str) -> str:
    """Return the text itself, the content of ``@file``, or for ``-`` what comes from stdin.

    Raises:
        ValueError: The content is not a string, or the file cannot be read; names the file.
    """
    if text == "-":
        return _text("stdin", sys.stdin.buffer.read())
    if text.startswith("@"):
        return _text(text[1:], file_or_stdin(text[1:]))
    return text


def line_of_stdin() -> str:
    """Return a line from stdin; all of it if the line begins JSON, as ``az`` prints it, or UTF-16.

    Raises:
        ValueError: It is not a string.
    """
    line = sys.stdin.buffer.readline()
    if b"\0" in line or line.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"[")):
        line += sys.stdin.buffer.read()
    return _text("stdin", line).strip()


def _text(name: str, content: bytes) -> str:
    from azmqtt import _core

    try:
        return _core.decode_text(content)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def file_or_stdin(path: str) -> bytes:
    """Return the bytes of a file, or for ``-`` what comes from stdin.

    Raises:
        UsageError: The file cannot be read; names it.
    """
    with open_or_stdin(path) as file:
        return file.read()


def open_or_stdin(path: str) -> BinaryIO:
    """Open a file, or for ``-`` stdin.

    Raises:
        UsageError: The file cannot be opened; names it.
    """
    if path == "-":
        return sys.stdin.buffer
    try:
        return open(path, "rb")  # noqa: PTH123 - as elsewhere; the caller closes it
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


def check_stdin(arguments: argparse.Namespace) -> None:
    """Check that no more than one argument wants stdin.

    Raises:
        UsageError: Two do.
    """
    readers = [f"--{name.replace('_', '-')}" for name, value in vars(arguments).items() if value in ("-", ["-"])]
    if len(readers) > 1:
        raise UsageError(f"only one of {' and '.join(sorted(readers))} can be '-': there is one stdin")


def json_text(name: str, text: str) -> str:
    """Return JSON as it is written in an argument, which has one of the forms of :func:`text_or_file`."""
    text = text_or_file(text)
    try:
        strict_json.read(text)
    except ValueError as error:
        raise ValueError(f"{name} is not JSON: {error}") from None
    return text


def json_argument(name: str, text: str) -> Any:
    """Read JSON from an argument in one of the forms of :func:`text_or_file`."""
    return strict_json.read(json_text(name, text))


def properties(text: str | None) -> dict[str, str]:
    """Read ``k=v;k2=v2``."""
    found: dict[str, str] = {}
    for pair in (text or "").split(";"):
        name, equals, value = pair.partition("=")
        if not pair.strip():
            continue
        if not equals or not name.strip():
            raise ValueError(f"--props: {pair!r} is not name=value")
        found[name.strip()] = value
    return found


def body(data: bytes) -> dict[str, Any]:
    """Show a body: as JSON or text where it is, in base64 where it is not."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        from base64 import b64encode

        return {"data_base64": b64encode(data).decode()}
    try:
        return {"data": strict_json.read(text)}
    except ValueError:
        return {"data": text}
