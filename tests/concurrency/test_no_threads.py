"""A system that gives no further thread: an error with a type, and everything works once there are threads again."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

# A thread's stack finds no room: a limit that counts for root, too.
LIMIT = """
import resource, sys, azmqtt
from azmqtt._handlers import handlers, inputs, methods, states
from azmqtt import LocalHub
def no_threads():
    pages = int(open("/proc/self/statm").read().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 1_000_000, resource.RLIM_INFINITY))
def threads():
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
def refused(call):
    no_threads()
    try:
        call()
    except azmqtt.ThreadUnavailable as error:
        assert isinstance(error, RuntimeError)
    else:
        raise AssertionError("it found a thread")
    finally:
        threads()
client = azmqtt.DeviceClient.from_connection_string(sys.argv[1], port=int(sys.argv[2]), trust=sys.argv[3])
"""

CASES = {
    "runtime": """
        refused(client.connect)
        client.connect()
    """,
    "handlers": """
        client.connect()
        refused(lambda: client.on_message(print))
        refused(lambda: client.on_method("m", print))
        refused(lambda: client.on_state_change(print))
        client.on_message(print)
        client.on_method("m", print)
        client.on_state_change(lambda change: None)
    """,
    "coroutines": """
        async def handler(item):
            pass
        client.connect()
        refused(lambda: client.on_message(handler))
        client.on_message(handler)
    """,
    "hub": """
        no_threads()
        try:
            LocalHub()
        except OSError:
            pass
        threads()
        LocalHub().close()
    """,
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("case", CASES)
def test_no_threads(hub, case):
    device = hub.create_device()
    body = LIMIT + textwrap.dedent(CASES[case]) + "\nclient.close()\nprint('done')"
    command = [sys.executable, "-c", body, device.connection_string, str(hub.port), str(hub.ca_file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
