"""The command ``azmqtt``, also as ``python -m azmqtt``."""

import io
import os
import signal
import sys

#: What a shell sees of a command that Ctrl-C ended.
_INTERRUPTED = 130


def _use_utf8() -> None:
    """Have pipes and files carry UTF-8, as on other systems: a code page lacks much of what a device may send.

    Not where ``PYTHONIOENCODING`` is set. A terminal takes every character as it is.
    """
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not stream.isatty() and "PYTHONIOENCODING" not in os.environ:
            stream.reconfigure(encoding="utf-8")


def main() -> int:
    """Run the command and return its exit code. Ctrl-C ends it without a trace, from here on."""
    if sys.platform == "win32":
        _use_utf8()
    # Until something is done that must be ended in order, the system's way is the quietest.
    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from azmqtt._cli import main as command

    try:
        signal.signal(signal.SIGINT, interrupt)
        return command.main()
    except KeyboardInterrupt:
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
