"""``azmqtt demo namespace``: two clients and an Event Grid namespace on real TLS sockets, every step checked."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from azmqtt._cli.transcript import StepFailed, Transcript, check
from azmqtt._errors import Error, PublishRefused, SubscribeRefused
from azmqtt._mqtt import MqttClient
from azmqtt._mqtt.authentication import EntraToken
from azmqtt._namespace import LocalNamespace

if TYPE_CHECKING:
    from collections.abc import Callable

SPACE = "ContosoTopicSpace"
TOPIC = "contosotopics/topic1"
#: In no topic space.
FOREIGN_TOPIC = "contosotopics/topic2"
MESSAGES = 10
#: Seconds that any one step may take.
TIMEOUT = 30.0
#: Of a managed identity.
OBJECT_ID = "11111111-2222-3333-4444-555555555555"
#: Seconds until its token expires; the client renews it after 85 % of them.
TOKEN_LIFE = 4
#: MQTT 5 §2.4.
NOT_AUTHORIZED = 0x87


def run() -> int:
    """Run the demo and return the exit code: 0 only if every step was checked and held."""
    transcript = Transcript()
    print("azmqtt demo: two clients and a local Event Grid namespace, on real TLS sockets")
    try:
        with ExitStack() as stack:
            _session(transcript, stack)
    except BrokenPipeError:
        raise
    except (Error, StepFailed, OSError, ValueError, LookupError) as error:
        print(f"\nazmqtt demo: {error}", file=sys.stderr)
        return 1
    transcript.end()
    return 0


def _session(transcript: Transcript, stack: ExitStack) -> None:
    with transcript.step("start a local namespace") as note:
        namespace = stack.enter_context(LocalNamespace())
        note(f"localhost:{namespace.port}, its own certificate authority")
    _grant(transcript, namespace)
    one, two = _connect(transcript, namespace, stack)
    _exchange(transcript, one, two)
    _refuse(transcript, one, two)
    _renew(transcript, namespace, stack)
    _take_back(transcript, namespace, one, two)
    with transcript.step("close"):
        one.close()
        two.close()


def _grant(transcript: Transcript, namespace: LocalNamespace) -> None:
    with transcript.step("create a topic space") as note:
        space = namespace.create_topic_space(SPACE, [TOPIC])
        check(namespace.list_topic_spaces() == [space], "the namespace has another one")
        note(f"{SPACE}: {TOPIC}")
    for name, permission in (("contosopublisherbinding", "Publisher"), ("contososubscriberbinding", "Subscriber")):
        with transcript.step(f"bind {permission} to $all") as note:
            binding = namespace.create_permission_binding(name, topic_space_name=SPACE, permission=permission)  # type: ignore[arg-type]  # one of both
            check((binding.client_group_name, binding.permission) == ("$all", permission), f"it is {binding}")
            note(name)


def _connect(transcript: Transcript, namespace: LocalNamespace, stack: ExitStack) -> tuple[MqttClient, MqttClient]:
    clients = []
    for name in ("client1", "client2"):
        with transcript.step(f"connect {name} by certificate") as note:
            made = namespace.create_client(name)
            check(made.certificate is not None, "it has no certificate")
            client = stack.enter_context(namespace.mqtt_client(name, timeout=TIMEOUT))
            client.connect()
            check(client.connected, "the client says that it is not connected")
            note(f"MQTT 5, {made.validation_scheme} {made.allowed_thumbprints[0][:8]}…")
            clients.append(client)
    return clients[0], clients[1]


def _exchange(transcript: Transcript, one: MqttClient, two: MqttClient) -> None:
    with transcript.step("subscribe") as note:
        messages = two.messages(timeout=TIMEOUT)
        granted = two.subscribe(TOPIC)
        check(granted == (1,), f"granted {granted}")
        note(f"client2 to {TOPIC}, QoS 1")
    with transcript.step(f"publish and receive {MESSAGES} messages") as note:
        for number in range(MESSAGES):
            one.publish(TOPIC, {"reading": number})
        got = [next(messages).json() for _ in range(MESSAGES)]
        check(got == [{"reading": number} for number in range(MESSAGES)], f"client2 got {got}")
        messages.close()
        note("each acknowledged, in order")


def _refuse(transcript: Transcript, one: MqttClient, two: MqttClient) -> None:
    with transcript.step("publish on another topic") as note:
        note(_refused_publish(one, FOREIGN_TOPIC))
    with transcript.step("subscribe to another topic") as note:
        note(_refused_subscribe(two, FOREIGN_TOPIC))


def _renew(transcript: Transcript, namespace: LocalNamespace, stack: ExitStack) -> None:
    with transcript.step("connect by a token of Entra ID") as note:
        namespace.assign_role(OBJECT_ID, "Publisher", topic_space_name=SPACE)
        client = stack.enter_context(
            MqttClient(
                namespace.hostname,
                "client3",
                port=namespace.port,
                trust=namespace.ca_file,
                authentication=EntraToken(lambda: namespace.entra_token(OBJECT_ID, expires_in=TOKEN_LIFE)),
                timeout=TIMEOUT,
            )
        )
        client.publish(TOPIC, {"reading": -1})
        note(f"role Publisher, a token for {TOKEN_LIFE} s")
    with transcript.step("renew the token by AUTH") as note:
        sent = 0
        deadline = time.monotonic() + TIMEOUT
        while client.stats()["tokens_renewed"] == 0:
            check(time.monotonic() < deadline, f"it was not renewed within {TIMEOUT:.0f} s")
            client.publish(TOPIC, {"still": "here"})
            sent += 1
            time.sleep(0.02)
        check(client.stats()["connects"] == 1, "the client had to connect again")
        client.close()
        note(f"on the same connection, {sent} messages meanwhile")


def _take_back(transcript: Transcript, namespace: LocalNamespace, one: MqttClient, two: MqttClient) -> None:
    with transcript.step("delete contososubscriberbinding") as note:
        changes = two.state_changes(timeout=TIMEOUT)
        namespace.delete_permission_binding("contososubscriberbinding")
        ended = next(change for change in changes if change.state != "connected")
        changes.close()
        check("0x87" in (ended.reason or ""), f"client2 was told {ended.reason}")
        note(f"client2 was disconnected; {_refused_subscribe(two, TOPIC)}")
    with transcript.step("delete contosopublisherbinding") as note:
        check(one.connected, "client1 is not connected any more, and lost no subscription")
        namespace.delete_permission_binding("contosopublisherbinding")
        note(f"client1 stays connected; {_refused_publish(one, TOPIC)}")


def _refused_publish(client: MqttClient, topic: str) -> str:
    return _refused(lambda: client.publish(topic, {"reading": 0}), f"{topic} was taken")


def _refused_subscribe(client: MqttClient, topic: str) -> str:
    return _refused(lambda: client.subscribe(topic), f"{topic} was granted")


def _refused(call: Callable[[], object], otherwise: str) -> str:
    """Do what must be refused, and return how it was."""
    try:
        call()
    except PublishRefused as error:
        check(error.reason_code == NOT_AUTHORIZED, f"the code is {error.reason_code:#04x}")
        return "PUBACK 0x87, not authorized"
    except SubscribeRefused as error:
        check(error.reason_codes == (NOT_AUTHORIZED,), f"the codes are {error.reason_codes}")
        return "SUBACK 0x87, not authorized"
    raise StepFailed(otherwise)
