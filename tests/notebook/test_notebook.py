"""A real Jupyter kernel: blocking calls inside its running loop, await, and Interrupt for both."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

import azmqtt

SETUP = """
import azmqtt
client = azmqtt.DeviceClient.from_connection_string({connection_string!r}, trust={ca_file!r}, port={port})
"""


class Kernel:
    """Runs cells and tells what they printed, returned or raised."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager, self.client = manager, client

    def start(self, code: str) -> str:
        """Begin a cell."""
        return self.client.execute(code)

    def finish(self, message_id: str, timeout: float = 30) -> tuple[str, str | None]:
        """Wait for a cell: its output and the name of the exception that ended it."""
        output, error = "", None
        deadline = time.monotonic() + timeout
        while True:
            message = self.client.get_iopub_msg(timeout=max(0.1, deadline - time.monotonic()))
            if message["parent_header"].get("msg_id") != message_id:
                continue
            content = message["content"]
            match message["msg_type"]:
                case "stream":
                    output += content["text"]
                case "execute_result":
                    output += content["data"]["text/plain"]
                case "error":
                    error = content["ename"]
                    output += "\n".join(content["traceback"])
                case "status" if content["execution_state"] == "idle":
                    return output, error

    def run(self, code: str) -> str:
        """Run a cell that must not raise."""
        output, error = self.finish(self.start(code))
        assert error is None, output
        return output

    def wait_for_output(self, message_id: str, text: str) -> None:
        """Wait until a running cell has printed ``text``."""
        while True:
            message = self.client.get_iopub_msg(timeout=30)
            if message["parent_header"].get("msg_id") == message_id and message["msg_type"] == "stream":
                assert text in message["content"]["text"]
                return


@pytest.fixture
def kernel(hub: azmqtt.LocalHub) -> Iterator[Kernel]:
    device = hub.create_device()
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        kernel = Kernel(manager, client)
        kernel.run(SETUP.format(connection_string=device.connection_string, ca_file=str(hub.ca_file), port=hub.port))
        yield kernel
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.mark.timeout(120)
def test_cells(kernel):
    """Blocking calls although a loop runs, ``await``, and a repr that shows no key."""
    assert kernel.run("client.patch_reported_properties({'a': 1}).version") == "2"
    assert kernel.run("(await client.get_twin_async()).reported") == "{'a': 1}"
    assert "SharedAccessKey" not in kernel.run("client")


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "wait",
    [
        pytest.param("next(iter(client.messages(timeout=60)))", id="blocking"),
        pytest.param("await anext(aiter(client.messages(timeout=60)))", id="await"),
    ],
)
def test_interrupt(kernel, wait):
    """Interrupt ends a waiting cell as KeyboardInterrupt, and the client still works."""
    kernel.run("client.connect()")
    cell = kernel.start(f"print('waiting', flush=True)\n{wait}")
    kernel.wait_for_output(cell, "waiting")
    started = time.monotonic()
    kernel.manager.interrupt_kernel()
    output, error = kernel.finish(cell)
    took = time.monotonic() - started
    assert error in {"KeyboardInterrupt", "CancelledError"}, output
    assert took < 20, "the cell ended by itself, not by the interrupt"
    assert kernel.run("client.get_twin().desired") == "{}"


@pytest.mark.timeout(120)
def test_only_coroutines_are_warned_of_waits_that_block(kernel):
    """A cell is not a coroutine, although it runs on an event loop; one with ``await`` is compiled by statements."""
    kernel.run("local = azmqtt.LocalHub(); there = local.device_client('n'); there.connect()")
    assert "Warning" not in kernel.run("local.wait_for_connection('n')\nlocal.assert_telemetry('n', [])")
    assert "Warning" not in kernel.run("await there.send_message_async('x')\nlocal.wait_for_connection('n')")
    output = kernel.run("async def wait():\n    local.wait_for_connection('n')\nawait wait()")
    assert "RuntimeWarning: wait_for_connection() blocks the event loop of wait()" in output
    kernel.run("there.close(); local.close()")


MAKES_BOTH = """
hub = azmqtt.LocalHub()
client = hub.device_client("again")

@client.on_method("ping")
def ping(request):
    return "pong"

client.send_message({"n": 1})
print(len(hub.telemetry("again")), hub.invoke_method("again", "ping", connect_timeout=10).payload)
"""

KEEPS_ITS_PLACE = """
hub = azmqtt.LocalHub(port=globals().get("port", 0), state={state!r})
port = hub.port
hub.device_client("again").send_message("x")
namespace = azmqtt.LocalNamespace(state={state!r} + "-of-the-namespace")
print(len(hub.devices()), port)
"""

MAKES_A_CLIENT = """
before = client
client = hub.device_client("again")
client.on_method("ping", lambda request: "pong again")
client.connect()
print(hub.invoke_method("again", "ping", connect_timeout=10).payload, before.state, client.state)
"""


@pytest.mark.timeout(240)
def test_cells_that_run_again(kernel):
    """A cell that makes a hub or a client does the same each time, and the newest client is the one that counts."""
    for _ in range(3):
        assert kernel.run(MAKES_BOTH).split() == ["1", "pong"]
    for _ in range(3):
        # On standard error is the warning that the client takes the place of the one before.
        assert "pong again closed connected" in kernel.run(MAKES_A_CLIENT)


@pytest.mark.timeout(240)
def test_a_cell_with_a_fixed_port_and_state_runs_again(kernel, tmp_path):
    """The service of the run before is closed, with a warning, and the new one takes its port and its state."""
    cell = KEEPS_ITS_PLACE.format(state=str(tmp_path / "hub"))
    first = kernel.run(cell)
    again = kernel.run(cell)
    assert "RuntimeWarning" not in first
    assert "this hub takes its place" in again
    assert "this namespace takes its place" in again
    assert first.strip() in again.splitlines()
    kernel.run("hub.close(); namespace.close()")
