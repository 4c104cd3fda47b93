"""`azmqtt.MqttClient` in a real Jupyter kernel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

from mosquitto import Mosquitto, needs_mosquitto
from test_notebook import Kernel

pytestmark = needs_mosquitto

MAKE = """
import azmqtt
client = azmqtt.MqttClient("localhost", "notebook", port={port}, trust={ca_file!r})
client.subscribe("notebook/#")
"""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture
def kernel(broker: Mosquitto) -> Iterator[Kernel]:
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        kernel = Kernel(manager, client)
        kernel.run(MAKE.format(port=broker.tls_port, ca_file=str(broker.ca_file)))
        yield kernel
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.mark.timeout(120)
def test_cells(kernel, broker):
    """Blocking calls although a loop runs, ``await``, and a cell that runs twice."""
    assert kernel.run("client.publish('notebook/a', {'t': 1}).reason_code") == "0"
    assert kernel.run("(await client.publish_async('notebook/a', 'x')).reason_code") == "0"
    read = "messages = client.messages(timeout=5)\nclient.publish('notebook/a', {'t': 2})\nnext(messages).json()"
    assert kernel.run(read) == "{'t': 2}"
    assert "connected" in kernel.run("client")
    again = MAKE.format(port=broker.tls_port, ca_file=str(broker.ca_file))
    shown = kernel.run(f"older = client\n{again}")
    assert "RuntimeWarning: another client of this process is connected as notebook" in shown
    assert kernel.run(read) == "{'t': 2}"
    assert "closed" in kernel.run("older")


@pytest.mark.timeout(120)
def test_interrupt(kernel):
    """Interrupt ends a wait for messages, and the client is as it was."""
    cell = kernel.start("print('waiting', flush=True)\nfor message in client.messages('notebook/+'): print(message)")
    kernel.wait_for_output(cell, "waiting")
    kernel.manager.interrupt_kernel()
    assert kernel.finish(cell)[1] == "KeyboardInterrupt"
    assert kernel.run("client.publish('notebook/a', 'x').reason_code") == "0"
