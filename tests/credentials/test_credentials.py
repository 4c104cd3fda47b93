"""Signers, token suppliers and second keys: functions of the application that a connection depends on."""

from __future__ import annotations

import asyncio
import base64
import gc
import hmac
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest

import azmqtt
from azmqtt import AuthenticationFailed, ConnectionFailed, DeviceClient, LocalHub, sas

WRONG = base64.b64encode(b"not this device's key").decode()


class Device:
    """A device of its own, and what it takes to sign for it."""

    def __init__(self, hub: LocalHub):
        device = hub.create_device()
        self.id = device.device_id
        self.key = device.connection_string.partition("SharedAccessKey=")[2]
        self.options = {"port": hub.port, "trust": hub.ca_file, "timeout": 10}

    def token(self, key: str | None = None, ttl: int = 3600) -> str:
        return sas.generate(f"localhost/devices/{self.id}", key or self.key, ttl=ttl)

    def expired(self) -> str:
        resource = f"localhost%2Fdevices%2F{self.id}"
        expiry = int(time.time()) - 1000
        signature = base64.b64encode(self.sign(f"{resource}\n{expiry}".encode())).decode()
        return f"SharedAccessSignature sr={resource}&sig={quote(signature, safe='')}&se={expiry}"

    def sign(self, data: bytes) -> bytes:
        return hmac.digest(base64.b64decode(self.key), data, "sha256")

    def from_signer(self, sign: Callable, **options) -> DeviceClient:
        return DeviceClient.from_signer("localhost", self.id, sign, **{**self.options, **options})


@pytest.fixture
def device(hub: LocalHub) -> Device:
    return Device(hub)


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    yield
    deadline = time.monotonic() + 5
    while any(thread.name == "azmqtt-credentials" for thread in threading.enumerate()):
        assert time.monotonic() < deadline, "a thread of a closed client goes on"
        gc.collect()
        time.sleep(0.01)


def test_a_signer_is_called_on_a_thread_of_its_own(hub, device):
    threads = []

    def sign(data: bytes) -> bytes:
        threads.append(threading.current_thread())
        assert type(data) is bytes
        return device.sign(data)

    with device.from_signer(sign) as client:
        client.send_message("hello")
        assert threads[0].name == "azmqtt-credentials"
        assert threads[0].daemon
    assert hub.telemetry(device.id)[0].text == "hello"


async def test_an_async_signer_works_while_a_blocking_call_holds_the_loop(device):
    async def sign(data: bytes) -> bytearray:
        await asyncio.sleep(0.01)
        return bytearray(device.sign(data))

    with device.from_signer(sign) as client:
        client.connect()
    async with device.from_signer(sign) as client:
        await client.connect_async()


def test_an_object_that_can_be_called_is_a_signer(device):
    class Tpm:
        def __call__(self, data: bytes) -> memoryview:
            return memoryview(device.sign(data))

    with device.from_signer(Tpm()) as client:
        client.connect()


def raises(error: BaseException) -> Callable:
    def failing(*_arguments):
        raise error

    return failing


def returns(value) -> Callable:
    return lambda *_arguments: value


@pytest.mark.parametrize(
    ("sign", "text"),
    [
        (raises(OSError(13, "no access to /dev/tpm0")), "failing): PermissionError: [Errno 13] no access to /dev/tpm0"),
        (raises(SystemExit()), "failing): SystemExit"),
        (raises(asyncio.CancelledError()), "failing): CancelledError"),
        (raises(ValueError("SharedAccessSignature sr=x&sig=s3cret")), "ValueError: (not shown, it quotes a token)"),
        (returns("text"), "<lambda>): TypeError: it must return bytes, not str"),
        (returns(None), "it must return bytes, not NoneType"),
        (returns(b"short"), "the signature has 5 bytes; the raw HMAC-SHA256 (not in base64 or hex) has 32"),
    ],
)
def test_a_signer_that_fails_is_named(device, caplog, sign, text):
    with device.from_signer(sign) as client, pytest.raises(ConnectionFailed) as caught:
        client.connect()
    assert caught.value.step == "credentials"
    assert str(caught.value).startswith("credentials failed: sign (")
    assert text in str(caught.value)
    assert "s3cret" not in str(caught.value)
    if "bytes;" not in text:
        (record,) = (record for record in caplog.records if record.name == "azmqtt.credentials")
        assert record.levelno == logging.ERROR
        assert text.partition(": ")[0] in caplog.text


def test_a_signer_that_recovers(device):
    outcomes = [ValueError("not now"), None]

    def sign(data: bytes) -> bytes:
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome
        return device.sign(data)

    with device.from_signer(sign) as client:
        with pytest.raises(ConnectionFailed, match="not now"):
            client.connect()
        client.connect()


def test_a_signer_that_hangs_holds_up_neither_calls_nor_the_end(device):
    asked, release = threading.Event(), threading.Event()

    def sign(data: bytes) -> bytes:
        asked.set()
        release.wait(30)
        return device.sign(data)

    client = device.from_signer(sign)
    started = time.monotonic()
    with pytest.raises(azmqtt.RequestTimeout):
        client.connect(timeout=0.3)
    assert asked.is_set()
    client.close(timeout=0.2)
    assert time.monotonic() - started < 5
    release.set()


def test_a_signer_must_be_a_function(device):
    with pytest.raises(TypeError, match="sign must be callable, not bytes"):
        device.from_signer(b"x")
    with pytest.raises(TypeError, match="on_token_needed must be callable, not str"):
        DeviceClient.from_sas_token(device.token(), on_token_needed=device.token())
    with pytest.raises(ValueError, match="device id"):
        DeviceClient.from_signer("localhost", "", device.sign)
    with pytest.raises(TypeError, match="unknown option"):
        device.from_signer(device.sign, prot=1)


def test_a_client_that_is_forgotten_takes_its_thread_along(device):
    client = device.from_signer(device.sign)
    assert any(thread.name == "azmqtt-credentials" for thread in threading.enumerate())
    del client


def test_the_interpreter_ends_while_a_signer_hangs(hub, device):
    code = f"""
import threading, time, azmqtt
asked = threading.Event()
def sign(data):
    asked.set()
    time.sleep(60)
client = azmqtt.DeviceClient.from_signer("localhost", {device.id!r}, sign, port={hub.port}, trust={hub.ca_file!r})
other = azmqtt.DeviceClient.from_signer("localhost", {device.id!r}, sign)
threading.Thread(target=client.connect, daemon=True).start()
asked.wait(10)
print("end")
"""
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "end\n"
    assert time.monotonic() - started < 15


# Tokens


def test_a_token_is_replaced_before_it_expires(hub, device):
    asked = []

    def fetch() -> str:
        asked.append(threading.current_thread().name)
        return device.token()

    token = device.token(ttl=2)
    with DeviceClient.from_sas_token(token, on_token_needed=fetch, **device.options) as client:
        client.connect()
        deadline = time.monotonic() + 10
        while client.stats()["tokens_renewed"] < 1:
            client.send_message("on and on")
            assert time.monotonic() < deadline
        assert asked == ["azmqtt-credentials"]
        # The old connection is counted before the new one stands.
        while hub.connection_count(device.id) < 2:
            client.send_message("and on")
            assert time.monotonic() < deadline
        assert client.stats()["connections_lost"] == 0
    assert hub.connection_count(device.id) == 2


async def test_a_refused_token_is_replaced_once(hub, device):
    asked = []

    async def fetch() -> str:
        asked.append(1)
        return device.token()

    async with DeviceClient.from_sas_token(device.token(key=WRONG), on_token_needed=fetch, **device.options) as client:
        await client.connect_async()
        assert asked == [1]

    async def fetch_badly() -> str:
        asked.append(2)
        return device.token(key=WRONG, ttl=1000)

    async with DeviceClient.from_sas_token(
        device.token(key=WRONG), on_token_needed=fetch_badly, **device.options
    ) as client:
        with pytest.raises(AuthenticationFailed, match="signed for this device and hub"):
            await client.connect_async()
    assert asked == [1, 2]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (lambda device: device.expired(), "the token has expired already"),
        (lambda _: sas.generate("localhost/devices/other", WRONG), "the token is for another resource"),
        (lambda _: "Bearer x", "the SAS token does not start with 'SharedAccessSignature '"),
        (lambda _: b"bytes", "TypeError: it must return str, not bytes"),
    ],
)
def test_what_a_supplier_returns_is_looked_at(device, answer, text):
    with DeviceClient.from_sas_token(
        device.expired(), on_token_needed=lambda: answer(device), **device.options
    ) as client:
        with pytest.raises(ConnectionFailed) as caught:
            client.connect()
        assert caught.value.step == "credentials"
        assert "on_token_needed (" in str(caught.value)
        assert text in str(caught.value)


def test_a_token_without_a_supplier_says_what_is_wrong(hub, device):
    wrong = DeviceClient.from_sas_token(device.token(key=WRONG), **device.options)
    with wrong, pytest.raises(AuthenticationFailed, match="is the SAS token signed for this device and hub"):
        wrong.connect()
    expired = DeviceClient.from_sas_token(device.expired(), **device.options)
    text = r"the SAS token has expired, 1\d\d\d s ago by this machine's clock"
    with expired, pytest.raises(AuthenticationFailed, match=text):
        expired.connect()


# Keys


def test_the_second_key_is_used_when_the_first_is_refused(hub, device):
    with DeviceClient.from_symmetric_key(
        "localhost", device.id, WRONG, secondary_key=device.key, **device.options
    ) as client:
        client.connect()
        # Remembered: the next connection begins with it.
        refusal = hub.last_refusal
        assert refusal == "the SAS token's signature fits none of the keys"
        hub.disconnect(device.id)
        client.get_twin()
        assert hub.connection_count(device.id) == 2


def test_two_wrong_keys_are_told_as_such(device):
    with DeviceClient.from_symmetric_key(
        "localhost", device.id, WRONG, secondary_key="AAEC", **device.options
    ) as client:
        with pytest.raises(AuthenticationFailed, match="both keys were tried"):
            client.connect()
        assert WRONG not in repr(client)
    with pytest.raises(ValueError, match="secondary_key: the key is not valid base64") as caught:
        DeviceClient.from_symmetric_key("localhost", device.id, WRONG, secondary_key="s3cret!")
    assert "s3cret" not in str(caught.value)


def test_a_disabled_device_is_told_apart(hub, device):
    hub.set_enabled(device.id, enabled=False)
    with device.from_signer(device.sign) as client:
        with pytest.raises(ConnectionFailed, match=r"\(CONNACK 3\): the device is disabled") as caught:
            client.connect()
        assert caught.value.step == "MQTT CONNECT"
    hub.set_enabled(device.id, enabled=True)
    with device.from_signer(device.sign) as client:
        client.connect()


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
@pytest.mark.parametrize("form", ["def", "async def"])
def test_a_signer_that_wants_to_end_the_program_is_asked_again(device, form, error, caplog):
    asked = []

    def sign(data):
        asked.append(data)
        if len(asked) == 1:
            raise error
        return device.sign(data)

    async def coroutine(data):
        return sign(data)

    with device.from_signer(sign if form == "def" else coroutine) as client:
        with pytest.raises(ConnectionFailed, match=error.__name__) as caught:
            client.connect()
        assert caught.value.step == "credentials"
        client.connect()
    assert error.__name__ in caplog.text
    # What is left of an event loop would complain here.
    gc.collect()
