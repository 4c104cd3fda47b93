"""``azmqtt demo``: a whole device session on real TLS sockets, every step checked.

Against the local hub every step runs. Against a real hub (``--connection-string``) the steps that need the other
side's help, a desired change and a dropped connection, say that they were left out.
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from azmqtt._cli.transcript import StepFailed, Transcript, check
from azmqtt._client import DeviceClient
from azmqtt._errors import IotHubError
from azmqtt._hub import LocalHub
from azmqtt._types import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

DEVICE = "demo-device"
MESSAGES = 10
#: Seconds that any one step may take.
TIMEOUT = 30.0
#: Seconds until the demo's token expires; the client renews it after 85 % of them.
TOKEN_LIFE = 4


def run(connection_string: str | None = None) -> int:
    """Run the demo and return the exit code: 0 only if every step was checked and held."""
    transcript = Transcript()
    try:
        with ExitStack() as stack:
            if connection_string is None:
                print("azmqtt demo: a device and a local hub, on real TLS sockets")
                _local_session(transcript, stack)
            else:
                print("azmqtt demo: the device part, against your hub")
                client = DeviceClient.from_connection_string(
                    connection_string, sas_ttl=TOKEN_LIFE * 15, timeout=TIMEOUT
                )
                _device_session(transcript, stack.enter_context(client), None)
    except BrokenPipeError:
        raise
    except (IotHubError, StepFailed, OSError, ValueError) as error:
        print(f"\nazmqtt demo: {error}", file=sys.stderr)
        return 2 if isinstance(error, ValueError) and not transcript.checked else 1
    transcript.end()
    return 0


def _local_session(transcript: Transcript, stack: ExitStack) -> None:
    with transcript.step("start a local hub") as note:
        hub = stack.enter_context(LocalHub())
        note(f"localhost:{hub.port}, its own certificate authority")
    with transcript.step("create a device") as note:
        hub.create_device(DEVICE)
        note(DEVICE)
    client = hub.device_client(DEVICE, sas_ttl=TOKEN_LIFE, retry=RetryPolicy(base=0.1, max=2.0), timeout=TIMEOUT)
    _device_session(transcript, stack.enter_context(client), hub)


def _device_session(transcript: Transcript, client: DeviceClient, hub: LocalHub | None) -> None:
    with transcript.step("connect") as note:
        client.connect()
        check(client.connected, "the client says that it is not connected")
        note("TCP, TLS, CONNACK")

    with transcript.step(f"send {MESSAGES} messages") as note:
        for number in range(MESSAGES):
            client.send_message({"reading": number}, properties={"demo": "yes"})
        if hub is not None:
            got = [message.body for message in hub.wait_for_telemetry(DEVICE, MESSAGES, timeout=TIMEOUT)]
            wanted = [b'{"reading":%d}' % number for number in range(MESSAGES)]
            check(got == wanted, f"the hub has {got}")
        note("each acknowledged")

    with transcript.step("read the twin") as note:
        twin = client.get_twin()
        note(f"desired version {twin.desired_version}, reported version {twin.reported_version}")

    with transcript.step("patch reported properties") as note:
        stamp = int(time.time())
        patched = client.patch_reported_properties({"demo": {"at": stamp}})
        check(patched.status in {200, 204}, f"status {patched.status}")
        check(patched.version > twin.reported_version, f"version {patched.version}")
        check(client.get_twin().reported["demo"] == {"at": stamp}, "the twin has something else")
        note(f"request {patched.request_id}, status {patched.status}, version {patched.version}")

    if hub is None:
        transcript.skip("receive a desired change", "needs the hub's service side")
    else:
        with transcript.step("receive a desired change") as note:
            changes = client.desired_properties(timeout=TIMEOUT)
            version = hub.patch_desired(DEVICE, {"interval": 5})
            change = next(changes)
            check((change.patch, change.version) == ({"interval": 5}, version), f"got {change}")
            note(f"{change.patch}, version {change.version}")

    with transcript.step("outlive the token") as note:
        renewed = _renewals(client)
        sent = _send_until(client, lambda: _renewals(client) > renewed, TOKEN_LIFE * 15 + TIMEOUT)
        note(f"renewed by a planned reconnect, {sent} messages meanwhile")

    if hub is None:
        transcript.skip("survive a dropped connection", "needs the hub's help")
    else:
        with transcript.step("survive a dropped connection") as note:
            before = hub.telemetry_count(DEVICE)
            connects = client.stats()["connects"]
            hub.disconnect(DEVICE)
            sent = _send_until(client, lambda: client.stats()["connects"] > connects, TIMEOUT)
            hub.wait_for_telemetry(DEVICE, before + sent, timeout=TIMEOUT)
            note(f"{sent} messages sent meanwhile, none lost")

    with transcript.step("close"):
        client.close()


def _renewals(client: DeviceClient) -> int:
    return int(client.stats()["tokens_renewed"])


def _send_until(client: DeviceClient, done: Callable[[], bool], timeout: float) -> int:
    """Send acknowledged messages until ``done``; return how many."""
    deadline = time.monotonic() + timeout
    sent = 0
    while not done():
        if time.monotonic() > deadline:
            message = f"did not happen within {timeout:.0f} s"
            raise StepFailed(message)
        client.send_message({"still": "here"})
        sent += 1
        time.sleep(0.02)
    return sent
