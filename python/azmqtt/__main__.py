"""The command ``azmqtt``, also as ``python -m azmqtt``."""

import signal
import sys

#: What a shell sees of a command that Ctrl-C ended.
_INTERRUPTED = 130


def main() -> int:
    """Run the command and return its exit code. Ctrl-C ends it without a trace, from here on."""
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
