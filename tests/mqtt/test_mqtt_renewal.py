"""Enhanced authentication and its renewal on a connection that stands, with a broker of MQTT 5 that knows AUTH."""

from __future__ import annotations

import asyncio
import threading
import time
from types import SimpleNamespace

import pytest

import azmqtt
import mqtt5
from azmqtt import Enhanced, EntraToken, JsonWebToken, ServiceAccountToken
from azmqtt._mqtt import authentication, service_account
from logs import lines_until
from mqtt5 import AUTH, CONNECT, DISCONNECT
from scripted_broker import BrokerLink, Manners, refuse_auth, until_error
from test_mqtt_authentication import Volume, jwt

RETRY = azmqtt.RetryPolicy(base=0.01, max=0.05)


async def accept_auth(link: BrokerLink, found: mqtt5.Packet) -> None:
    method = found.get("authentication_method")
    await link.send(mqtt5.auth(0, authentication_method=method))


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(authentication, "_LEAST_WAIT", 0.05)
    monkeypatch.setattr(ServiceAccountToken, "poll", 0.02)
    monkeypatch.setattr(service_account, "_SETTLED", 0.0)


class Tokens:
    """Makes tokens, one after the other, that want to be renewed at once."""

    def __init__(self, life: float = 0.2) -> None:
        self.life, self.made, self.threads = life, [], set()

    def __call__(self) -> SimpleNamespace:
        self.threads.add(threading.current_thread().name)
        self.made.append(f"token {len(self.made)}")
        now = time.time()
        return SimpleNamespace(token=self.made[-1], expires_on=now + 3600, refresh_on=now + self.life)

    def get_token_info(self, scope: str) -> SimpleNamespace:
        assert scope == "https://eventgrid.azure.net/.default"
        return self()


def test_a_token_is_renewed_while_messages_flow(scripted, connect):
    """Tokens expire again and again during a flood; nothing is lost, and the connection stands."""
    manners, tokens = Manners(on={AUTH: accept_auth}), Tokens()
    client = connect(scripted(manners), authentication=EntraToken(tokens))
    client.connect()
    connect_packet = manners.connects[0]
    assert connect_packet.get("authentication_method") == "OAUTH2-JWT"
    assert connect_packet.get("authentication_data") == b"token 0"
    sent = 0
    while len(tokens.made) < 4:
        sent += client.publish_many(("a", str(sent + number)) for number in range(200))
    renewals = [packet for packet in list(manners.packets.queue) if packet.kind == AUTH]
    assert [packet.reason for packet in renewals] == [0x19] * len(renewals)
    assert [packet.get("authentication_data").decode() for packet in renewals] == tokens.made[1 : len(renewals) + 1]
    assert {packet.get("authentication_method") for packet in renewals} == {"OAUTH2-JWT"}
    assert [message.payload for message in manners.received] == [str(n).encode() for n in range(sent)]
    assert len(manners.connects) == 1
    assert client.stats().tokens_renewed >= len(renewals) - 1
    assert tokens.threads == {"azmqtt-credentials"}


def test_tokens_that_expire_in_a_flood(scripted, connect):
    """A broker that closes without a word when a token is over (IoT Operations): nothing is lost."""
    received, lives = [], iter([100, 250, 10**6])

    class Expiring(Manners):
        async def __call__(self, link: BrokerLink) -> None:
            self.left = next(lives)
            await super().__call__(link)

    async def take(link: BrokerLink, found: mqtt5.Packet) -> None:
        broker_script.left -= 1
        if broker_script.left < 0:
            link.writer.transport.abort()
            return
        received.append((found.payload, found.dup))
        await link.send(mqtt5.answer(mqtt5.PUBACK, found.packet_id))

    async def accept(link: BrokerLink, found: mqtt5.Packet) -> None:
        broker_script.connects.append(found)
        await link.send(mqtt5.connack(session_present=len(broker_script.connects) > 1, receive_maximum=50))

    broker_script = Expiring(on={mqtt5.PUBLISH: take, CONNECT: accept, AUTH: accept_auth})
    tokens = Tokens(life=3600)
    client = connect(scripted(broker_script), "me", authentication=EntraToken(tokens), retry=RETRY)
    assert client.publish_many(("a", str(number)) for number in range(1000)) == 1000
    assert [packet.get("authentication_data").decode() for packet in broker_script.connects] == tokens.made
    assert len(tokens.made) == 3
    once = [payload for payload, _ in received]
    assert once == [str(number).encode() for number in range(1000)], "in order, and none twice: each was acknowledged"


def test_a_broker_that_never_answers_auth_at_connect(scripted, connect):
    async def ask(link: BrokerLink, found: mqtt5.Packet) -> None:
        await link.send(mqtt5.auth(0x18, authentication_method="M", authentication_data=b"?"))

    async def ignore(link: BrokerLink, found: mqtt5.Packet) -> None:
        pass

    manners = Manners(on={CONNECT: ask, AUTH: ignore})
    client = connect(scripted(manners), authentication=Enhanced("M", lambda _: b"x"))
    with pytest.raises(azmqtt.RequestTimeout):
        client.connect(timeout=0.5)
    assert manners.next(AUTH).reason == 0x18
    assert client.close(timeout=1) == 0


def test_an_async_credential_runs_on_one_loop(scripted, connect):
    loops, tokens = set(), Tokens()

    class Credential:
        async def get_token_info(self, scope):
            loops.add(id(asyncio.get_running_loop()))
            await asyncio.sleep(0)
            return tokens.get_token_info(scope)

    manners = Manners(on={AUTH: accept_auth})
    client = connect(scripted(manners), authentication=EntraToken(Credential()))
    client.connect()
    for _ in range(2):
        manners.next(AUTH)
    assert len(loops) == 1


def test_a_web_token_of_ones_own(scripted, connect, monkeypatch):
    monkeypatch.setattr(authentication, "_RENEW_AFTER", 0.0)
    given = []

    def get_token():
        given.append(jwt(exp=int(time.time()) + 3600, n=len(given)))
        return given[-1]

    manners = Manners(on={AUTH: accept_auth})
    client = connect(scripted(manners), authentication=JsonWebToken(get_token))
    client.connect()
    assert manners.connects[0].get("authentication_method") == "CUSTOM-JWT"
    assert manners.next(AUTH).get("authentication_data").decode() == given[1]


def test_a_renewal_that_is_refused(scripted, connect):
    """The connection ends, with the broker's reason; a fresh token has one more try, and then calls say so."""

    async def refuse(link: BrokerLink, _: mqtt5.Packet) -> None:
        await link.send(mqtt5.connack(0x87, reason_string="the claim 'exp' is over"))

    first, second = Manners(on={AUTH: refuse_auth}), Manners(on={CONNECT: refuse})
    tokens = Tokens()
    client = connect(scripted(first, second), "me", authentication=EntraToken(tokens), retry=RETRY)
    changes = client.state_changes(timeout=20)
    client.connect()
    first.next(AUTH)
    assert "'aud' is for somebody else" in next(change.reason for change in changes if change.state == "reconnecting")
    error = until_error(client, azmqtt.AuthenticationFailed)
    assert error.reason_code == 0x87
    assert "'exp' is over" in str(error)
    assert len(tokens.made) >= 3


def test_a_broker_that_does_not_answer_auth(scripted, connect):
    """What was accepted goes on. That the connection ends after 75 s is a test in Rust, which invents the time."""

    async def ignore(link: BrokerLink, found: mqtt5.Packet) -> None:
        pass

    manners = Manners(on={AUTH: ignore})
    client = connect(scripted(manners), authentication=EntraToken(Tokens()), retry=RETRY)
    client.connect()
    manners.next(AUTH)
    client.publish("a", b"")
    assert len(manners.connects) == 1


def test_an_answer_with_another_method(scripted, connect):
    async def other(link: BrokerLink, _: mqtt5.Packet) -> None:
        await link.send(mqtt5.auth(0, authentication_method="OTHER"))

    first, second = Manners(on={AUTH: other}), Manners(on={AUTH: accept_auth})
    client = connect(scripted(first, second), authentication=EntraToken(Tokens()), retry=RETRY)
    client.connect()
    assert first.next(DISCONNECT).reason in {0x82, 0x8C}
    second.next(CONNECT)


def test_a_connack_with_another_method(scripted, connect):
    client = connect(scripted(Manners(authentication_method="OTHER")), authentication=EntraToken(Tokens()))
    with pytest.raises((azmqtt.ConnectionFailed, azmqtt.AuthenticationFailed)):
        client.connect()


def test_later_is_an_answer_for_service_accounts(scripted, connect, tmp_path):
    """0x18 in answer to a renewal means that the broker cannot judge the token now (IoT Operations)."""
    answers = iter([0x18, 0])

    async def later(link: BrokerLink, _: mqtt5.Packet) -> None:
        await link.send(mqtt5.auth(next(answers), authentication_method="K8S-SAT"))

    volume = Volume(tmp_path)
    volume.swap(jwt(exp=2**32, n=1))
    manners = Manners(on={AUTH: later})
    client = connect(scripted(manners), authentication=ServiceAccountToken(volume.file))
    client.connect()
    assert manners.connects[0].get("authentication_method") == "K8S-SAT"
    volume.swap(token := jwt(exp=2**32, n=2))
    assert manners.next(AUTH).get("authentication_data") == token.encode()
    client.publish("a", b"")
    assert manners.next(AUTH, timeout=50).get("authentication_data") == token.encode()
    assert len(manners.connects) == 1


def test_later_is_no_answer_for_others(scripted, connect):
    async def challenge(link: BrokerLink, found: mqtt5.Packet) -> None:
        method = found.get("authentication_method")
        said = {"authentication_data": b"?", "reason_string": "the token\nis for another"}
        await link.send(mqtt5.auth(0x18, authentication_method=method, **said))

    first, second = Manners(on={AUTH: challenge}), Manners(on={AUTH: accept_auth})
    client = connect(scripted(first, second), authentication=EntraToken(Tokens()), retry=RETRY)
    changes = client.state_changes(timeout=20)
    client.connect()
    reason = next(change.reason for change in changes if change.state == "reconnecting")
    assert "sent a challenge" in reason
    assert "(the token\N{REPLACEMENT CHARACTER}is for another)" in reason
    second.next(CONNECT)


def test_an_exchange_of_challenges(scripted, connect):
    """At CONNECT and again while connected."""
    rounds = iter([0x18, 0x18, None, 0x18, 0])

    async def ask(link: BrokerLink, found: mqtt5.Packet) -> None:
        reason = next(rounds)
        method = found.get("authentication_method")
        if reason is None:
            await link.send(mqtt5.connack(0, authentication_method=method, authentication_data=b"final"))
        else:
            data = b"" if reason == 0 else found.get("authentication_data") or b"?"
            await link.send(mqtt5.auth(reason, authentication_method=method, authentication_data=data))

    asked = []

    def on_challenge(data):
        asked.append(data)
        return b"first" if data is None else data + b"!"

    manners = Manners(on={CONNECT: ask, AUTH: ask})
    client = connect(scripted(manners), authentication=Enhanced("SCRAM-X", on_challenge, renew_after=1))
    client.connect()
    assert asked == [None, b"first", b"first!"]
    assert [manners.next(AUTH).reason for _ in range(4)] == [0x18, 0x18, 0x19, 0x18]
    client.publish("a", b"")
    assert asked[3:] == [None, b"first"]


def test_challenges_without_end(scripted, connect):
    async def ask(link: BrokerLink, found: mqtt5.Packet) -> None:
        said = {"authentication_data": b"more", "reason_string": "not enough yet"}
        await link.send(mqtt5.auth(0x18, authentication_method="M", **said))

    manners = Manners(on={CONNECT: ask, AUTH: ask})
    client = connect(scripted(manners), authentication=Enhanced("M", lambda _: b"x"))
    with pytest.raises(azmqtt.AuthenticationFailed, match=r"more than 8 challenges \(not enough yet\)"):
        client.connect()
    assert manners.packets.qsize() < 50


def test_a_supplier_that_raises(scripted, connect, caplog):
    def get_token():
        raise OSError("no answer from the identity endpoint for eyJ0b2tlbiI6IDF9")

    with pytest.raises(azmqtt.AuthenticationFailed, match=r"EntraToken.*OSError") as raised:
        connect(scripted(), authentication=EntraToken(get_token)).connect()
    assert "eyJ0b2" not in str(raised.value)
    assert "eyJ0b2" not in caplog.text


def test_a_supplier_that_fails_at_a_renewal(scripted, connect):
    """The connection stands as long as the token is valid; it is asked again."""
    tokens, failures = Tokens(), iter([False, True, True])

    def get_token():
        if next(failures, False):
            raise OSError("for a while")
        return tokens()

    manners = Manners(on={AUTH: accept_auth})
    client = connect(scripted(manners), authentication=EntraToken(get_token), retry=RETRY)
    client.connect()
    deadline = time.monotonic() + 50
    while len(tokens.made) < 3:
        client.publish("a", b"")
        assert time.monotonic() < deadline


# Files


def test_a_file_that_is_replaced_half_written_and_deleted(scripted, connect, tmp_path):
    volume = Volume(tmp_path)
    volume.swap(jwt(exp=2**32, n=1))
    manners = Manners(on={AUTH: accept_auth})
    broker = scripted(manners)
    client = connect(broker, authentication=ServiceAccountToken(volume.file), retry=RETRY)
    client.connect()
    volume.swap(second := jwt(exp=2**32, n=2))
    assert manners.next(AUTH).get("authentication_data") == second.encode()
    # In place, half first.
    third = jwt(exp=2**32, n=3)
    volume.file.unlink()
    volume.file.write_text(third[:25])
    client.publish("a", b"")
    volume.file.write_text(third)
    assert manners.next(AUTH).get("authentication_data") == third.encode()
    # Away, and the connection is lost: the file is waited for.
    volume.file.unlink()
    broker.drop(manners.link)
    published = []
    thread = threading.Thread(target=lambda: published.append(client.publish("b", b"", timeout=50)), daemon=True)
    thread.start()
    volume.file.write_text(fourth := jwt(exp=2**32, n=4))
    thread.join(50)
    assert published
    assert manners.connects[-1].get("authentication_data") == fourth.encode()


def test_nothing_of_a_token_is_shown(scripted, connect, caplog):
    with caplog.at_level("DEBUG"):
        client = connect(scripted(Manners(on={AUTH: refuse_auth})), authentication=EntraToken(Tokens(life=60)))
        client.connect()
        client.publish("a", b"")
        lines_until(caplog, ": connected")
        shown = [repr(client), client._repr_html_(), str(client.stats()), caplog.text]
    assert not any("token 0" in text for text in shown)
    assert client.stats().token_valid_until is not None
