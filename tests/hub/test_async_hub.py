"""The waits and assertions of the local hub beside an application on the same event loop."""

from __future__ import annotations

import asyncio
import inspect
import time
import warnings

import pytest

import azmqtt
from azmqtt import faults
from azmqtt.testing import IotHubDevice


@pytest.fixture(scope="module")
def hub():
    with azmqtt.LocalHub(record_packets=True) as hub:
        yield hub


@pytest.fixture
def device(hub):
    with IotHubDevice(hub) as device:
        yield device


async def application(client):
    """Does whatever it is asked for, on the loop of the test."""

    async def answer(request):
        await asyncio.sleep(0)
        return {"echo": request.payload}

    client.on_method("echo", answer)
    async for change in client.desired_properties():
        await client.patch_reported_properties_async({"interval": change.patch["interval"]})
        await client.send_message_async({"interval": change.patch["interval"]})
        await client.upload_file_async(b"x", "blob")


async def test_everything_waits_beside_the_application(hub, device):
    client = device.client()
    task = asyncio.ensure_future(application(client))
    await device.wait_for_connection_async()
    await client.connect_async()
    assert (await device.invoke_method_async("echo", 5)).payload == {"echo": 5}
    assert (await hub.invoke_method_async(device.device_id, "echo", 6)).payload == {"echo": 6}
    device.patch_desired({"interval": 5})
    await device.assert_twin_reported_async({"interval": 5}, exact=True)
    await device.assert_twin_desired_async({"interval": 5})
    await hub.assert_twin_reported_async(device.device_id, {"interval": 5})
    await hub.assert_twin_desired_async(device.device_id, {"interval": 5})
    [message] = await device.wait_for_telemetry_async()
    assert message.json() == {"interval": 5}
    assert await hub.wait_for_telemetry_async(device.device_id) == [message]
    assert await device.wait_for_telemetry_async(lambda message: message.json()["interval"] == 5) == message
    assert await hub.wait_for_telemetry_async(lambda message: message.device_id == device.device_id, 5) == message
    assert await device.assert_telemetry_async([{"interval": 5}]) == [message]
    assert await hub.assert_telemetry_async(device.device_id, [{"interval": 5}]) == [message]
    assert (await device.wait_for_packet_async(kind="CONNECT")).kind == "CONNECT"
    assert (await hub.wait_for_packet_async(device.device_id, kind="CONNECT")).kind == "CONNECT"
    assert len(await hub.wait_for_upload_async(device.device_id)) == 1
    hub.send_c2d(device.device_id, b"x", ack="full")
    messages = client.messages()
    await anext(messages)
    messages.close()
    [record] = await hub.wait_for_feedback_async(device.device_id)
    assert record.status_code == "Success"
    with device.inject_fault(faults.Lose(on="puback")) as fault:
        sending = asyncio.ensure_future(client.send_message_async("once more"))
        await fault.wait_async()
        sending.cancel()
    task.cancel()
    await asyncio.wait([task])
    await device.close_async()
    assert client.state == "closed"


async def test_what_does_not_come_raises_as_in_the_blocking_form(hub, device):
    waits = [
        (TimeoutError, "did not connect within", device.wait_for_connection_async(timeout=0.05)),
        (TimeoutError, "0 of 3 messages", device.wait_for_telemetry_async(count=3, timeout=0)),
        (TimeoutError, "no message matched", device.wait_for_telemetry_async(lambda _: True, 0.05)),
        (TimeoutError, "no packet that matches", device.wait_for_packet_async(timeout=0.05)),
        (TimeoutError, "0 of 1 uploads", hub.wait_for_upload_async(device.device_id, timeout=0.05)),
        (TimeoutError, "0 of 1 records", hub.wait_for_feedback_async(device.device_id, timeout=0.05)),
        (AssertionError, "got nothing", device.assert_telemetry_async(["x"], timeout=0.05)),
        (AssertionError, "properties.reported.a", device.assert_twin_reported_async({"a": 1}, timeout=0.05)),
        (AssertionError, "properties.desired.a", device.assert_twin_desired_async({"a": 1}, timeout=0.05)),
        (azmqtt.RequestFailed, "404", device.invoke_method_async("nobody")),
        (LookupError, "nobody", hub.wait_for_connection_async("nobody")),
    ]
    for error, words, wait in waits:
        with pytest.raises(error, match=words):
            await wait
    with pytest.raises(TypeError, match="device_id must be str"):
        await hub.wait_for_connection_async(5)
    with pytest.raises(ValueError, match="kind must be one of"):
        await device.wait_for_packet_async(kind="nothing")


async def test_cancelling_and_stopping_end_a_wait():
    with azmqtt.LocalHub() as hub:
        hub.create_device("d")
        waiting = asyncio.ensure_future(hub.wait_for_connection_async("d", timeout=None))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        waiting = asyncio.ensure_future(hub.wait_for_connection_async("d", timeout=None))
        await asyncio.sleep(0.01)
    with pytest.raises(RuntimeError, match="the hub is stopped"):
        await waiting


@pytest.mark.parametrize("of", [azmqtt.LocalHub, IotHubDevice, azmqtt.InjectedFault])
def test_every_wait_and_assertion_has_an_async_form(of):
    names = [name for name in dir(of) if name.startswith(("wait", "assert_", "invoke"))]
    for name in names:
        if not name.endswith("_async"):
            blocking, other = (inspect.signature(getattr(of, form)) for form in (name, f"{name}_async"))
            assert blocking.parameters == other.parameters, name
            assert f"{name}_async" in names


async def test_the_blocking_form_warns_a_coroutine(hub, device):
    device.client().connect()
    with pytest.warns(RuntimeWarning, match=r"wait_for_connection\(\) blocks the event loop of test_the_") as caught:
        device.wait_for_connection()
    assert caught[0].filename == __file__
    with pytest.warns(RuntimeWarning, match=r"await wait_for_connection_async\(\)"):
        hub.wait_for_connection(device.device_id)
    with pytest.warns(RuntimeWarning, match=r"await assert_telemetry_async\(\)"):
        device.assert_telemetry([])
    with pytest.warns(RuntimeWarning, match=r"await invoke_method_async\(\)"), pytest.raises(azmqtt.RequestFailed):
        hub.invoke_method(device.device_id, "x")
    with (
        pytest.warns(RuntimeWarning, match=r"await wait_async\(\)"),
        pytest.raises(TimeoutError),
        device.inject_fault("lose:on=puback") as fault,
    ):
        fault.wait(timeout=0)

    async def generator():
        yield device.wait_for_connection()

    with pytest.warns(RuntimeWarning, match="event loop of generator"):
        await anext(generator())
    # As an error it comes before the wait.
    began = time.monotonic()
    with pytest.raises(RuntimeWarning):
        device.wait_for_telemetry(count=9, timeout=60)
    assert time.monotonic() - began < 30


async def test_others_are_not_warned(hub, device):
    device.client().connect()

    def function():
        device.wait_for_connection()
        hub.assert_telemetry(device.device_id, [])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        function()
        await asyncio.to_thread(device.wait_for_connection)
        # As a notebook's cell: a plain function within a running loop.
        exec(compile("device.wait_for_connection()", "cell", "exec"), {"device": device})  # noqa: S102
