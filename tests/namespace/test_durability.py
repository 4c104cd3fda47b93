"""A local namespace that is killed, again and again, or whose disk is full: what it has acknowledged is there."""

from __future__ import annotations

import json
import os
import random
import ssl
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from http.client import HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any

import pytest

import azmqtt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: How often it is killed; `AZMQTT_TEST_KILLS=500` for a night.
KILLS = int(os.environ.get("AZMQTT_TEST_KILLS", "16"))
#: Less than the 100 that may wait for a session.
MOST = 70
API = "?api-version=2025-02-15"


class Service:
    """A process with a namespace, which is killed at the end."""

    def __init__(self, directory: Path, before: str = "") -> None:
        script = f"{before}; import sys, azmqtt.__main__; sys.exit(azmqtt.__main__.main())"
        command = [sys.executable, "-c", script.lstrip("; ")]
        command += ["namespace", "--port", "0", "--https-port", "0", "--json", "--state", str(directory / "state")]
        self.directory = directory
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.ready: dict[str, Any] = json.loads(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def client(self, name: str, *, lasts: bool = False, will: azmqtt.Will | None = None) -> azmqtt.MqttClient:
        return azmqtt.MqttClient(
            self.ready["hostname"],
            name,
            username=name,
            port=self.ready["port"],
            trust=self.ready["ca_file"],
            certificate=self.directory / f"{name}.pem",
            private_key=self.directory / f"{name}-key.pem",
            clean_start=not lasts,
            session_expiry=3600 if lasts else 0,
            will=will,
        )

    def put_client(self, name: str) -> None:
        headers = {"Authorization": f"Bearer {self.ready['token']}", "Content-Type": "application/json"}
        trusted = ssl.create_default_context(cafile=self.ready["ca_file"])
        connection = HTTPSConnection("localhost", self.ready["https_port"], timeout=20, context=trusted)
        with closing(connection):
            connection.request("PUT", f"{self.ready['resource_id']}/clients/{name}{API}", b"{}", headers)
            assert connection.getresponse().status == 201


@contextmanager
def running(directory: Path, before: str = "") -> Iterator[Service]:
    service = Service(directory, before)
    try:
        yield service
    finally:
        service.kill()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the state is of a namespace in which everybody may do everything, and a subscriber has a session."""
    with azmqtt.LocalNamespace(state=tmp_path / "state") as namespace:
        namespace.create_topic_space("space", ["t/#", "kept/#"])
        for permission in ("Publisher", "Subscriber"):
            namespace.create_permission_binding(
                f"binding-{permission}", topic_space_name="space", permission=permission
            )
        for name in ("publisher", "subscriber", "reader"):
            namespace.create_client(name).certificate.save(tmp_path, name)
        with namespace.mqtt_client("subscriber", clean_start=False, session_expiry=3600) as client:
            client.subscribe("t/#")
    return tmp_path


class Publishing(threading.Thread):
    """Publishes numbers one after the other, and makes clients, until it cannot."""

    def __init__(self, service: Service, first: int) -> None:
        super().__init__()
        self.service = service
        self.client = service.client("publisher")
        self.numbers = range(first, first + MOST)
        self.tried = first
        self.acknowledged: list[int] = []
        self.clients: list[str] = []
        self.enough = threading.Event()

    def run(self) -> None:
        try:
            for number in self.numbers:
                self.tried = number
                self.client.publish(f"t/{number % 3}", str(number))
                self.client.publish(f"kept/{number % 4}", str(number), retain=True)
                self.acknowledged.append(number)
                if len(self.acknowledged) > 8:
                    self.enough.set()
                if number % 4 == 0:
                    self.service.put_client(f"c{number}")
                    self.clients.append(f"c{number}")
        except (azmqtt.Error, HTTPException, OSError):
            # It is killed.
            return


def kept(service: Service) -> dict[str, int]:
    """Return the number that each topic has kept."""
    found: dict[str, int] = {}
    with service.client("reader") as client, client.messages("kept/#", timeout=20) as messages:
        client.subscribe("kept/#")
        while len(found) < 4:
            message = next(messages)
            found[message.topic] = int(message.text())
    return found


def drain(service: Service, wanted: set[int], got: set[int]) -> None:
    """Have the subscriber take what waits for it, until that is all that is wanted."""
    client = service.client("subscriber", lasts=True)
    with client.messages("t/#", timeout=20) as messages:
        client.connect()
        while not wanted <= got:
            message = next(messages)
            if message.text().isdecimal():
                got.add(int(message.text()))
    client.close()


def test_what_was_acknowledged_is_there_after_every_kill(directory):
    chance = random.SystemRandom()
    acknowledged: set[int] = set()
    got: set[int] = set()
    clients: set[str] = set()
    last_kept = dict.fromkeys((f"kept/{index}" for index in range(4)), 0)
    first = 0
    for round_number in range(KILLS + 1):
        with running(directory) as service:
            drain(service, acknowledged, got)
            if round_number:
                found = kept(service)
                assert all(found[topic] >= number for topic, number in last_kept.items()), (found, last_kept)
            publishing = Publishing(service, first)
            # In every other round the subscriber is there meanwhile, and takes some.
            subscriber = service.client("subscriber", lasts=True) if round_number % 2 else None
            taking = None
            if subscriber is not None:
                stream = subscriber.messages("t/#")
                taking = threading.Thread(target=lambda stream=stream: got.update(numbers(stream)))
                subscriber.connect()
                taking.start()
            publishing.start()
            assert publishing.enough.wait(20)
            publishing.join(chance.random() * 0.15)
            service.kill()
            publishing.client.close(timeout=0)
            publishing.join(20)
            if subscriber is not None and taking is not None:
                subscriber.close(timeout=0)
                taking.join(20)
        acknowledged.update(publishing.acknowledged)
        clients.update(publishing.clients)
        for number in publishing.acknowledged:
            last_kept[f"kept/{number % 4}"] = number
        first = publishing.tried + 1
    with azmqtt.LocalNamespace(state=directory / "state") as namespace:
        assert clients <= {client.name for client in namespace.list_clients()}
    with running(directory) as service:
        drain(service, acknowledged, got)
    assert max(got) < first


def test_wills_are_published_after_a_kill(directory):
    wills = {
        "publisher": azmqtt.Will("t/will", "at once", qos=1),
        "reader": azmqtt.Will("t/will", "later", qos=1, delay=2),
    }
    with running(directory) as service:
        clients = [service.client(name, lasts=True, will=will) for name, will in wills.items()]
        for client in clients:
            client.connect()
        service.kill()
        for client in clients:
            client.close(timeout=0)
    with running(directory) as service:
        client = service.client("subscriber", lasts=True)
        with client, client.messages("t/will", timeout=20) as messages:
            client.connect()
            assert [next(messages).text() for _ in wills] == ["at once", "later"]
    # Once.
    with running(directory) as service, service.client("publisher") as publisher:
        client = service.client("subscriber", lasts=True)
        with client, client.messages("t/#", timeout=20) as messages:
            client.connect()
            publisher.publish("t/last", "last")
            while (message := next(messages)).text() != "last":
                # Its acknowledgement was not on the disk yet.
                assert message.duplicate


def numbers(stream: Any) -> Iterator[int]:
    """Yield what comes, until the client is closed."""
    try:
        for message in stream:
            if message.text().isdecimal():
                yield int(message.text())
    except azmqtt.Error:
        return


@pytest.mark.skipif(sys.platform != "linux", reason="a limit of files' sizes stands in for a full disk")
def test_a_full_disk_acknowledges_nothing_that_is_not_there(directory):
    with running(
        directory, "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))"
    ) as service:
        taken = []
        with service.client("publisher") as client, service.client("reader") as other:
            other.connect()
            while len(taken) < 50:
                try:
                    client.publish(f"kept/{len(taken)}", "x" * 50_000, retain=True, timeout=3)
                except azmqtt.Error:
                    break
                taken.append(len(taken))
            assert 2 < len(taken) < 20
            assert "0x83" in (client.last_error or ""), client.last_error
            # Who needs no disk goes on.
            with other.messages("kept/0", timeout=20) as messages:
                other.subscribe("kept/0")
                assert len(next(messages).payload) == 50_000
            other.publish("kept/0", "passing")
    with (
        running(directory) as service,
        service.client("reader") as client,
        client.messages("kept/#", timeout=20) as messages,
    ):
        client.subscribe("kept/#")
        missing = {f"kept/{number}" for number in taken}
        while missing:
            missing.discard(next(messages).topic)


OBJECT_ID = "11111111-2222-3333-4444-555555555555"


def test_roles_and_sessions_are_there_after_a_restart(tmp_path):
    state = tmp_path / "state"
    with azmqtt.LocalNamespace(state=state) as namespace:
        namespace.create_topic_space("space", ["t/#"])
        group = namespace.resource_id.split("/providers/")[0]
        namespace.assign_role(OBJECT_ID, "Publisher", scope=group)
        namespace.assign_role(OBJECT_ID, "Subscriber", scope=f"{namespace.resource_id}/topicSpaces/space")
        roles = namespace.list_roles()
        assert roles == [(OBJECT_ID, "Publisher", None), (OBJECT_ID, "Subscriber", "space")]
        for wrong in ("/subscriptions/other", "space", f"{namespace.resource_id}/clients/space"):
            with pytest.raises(ValueError, match="scope"):
                namespace.assign_role(OBJECT_ID, "Publisher", scope=wrong)
        with pytest.raises(TypeError, match="scope"):
            namespace.assign_role(OBJECT_ID, "Publisher", scope=group, topic_space_name="space")
        with pytest.raises(LookupError):
            namespace.remove_role(OBJECT_ID, "Publisher")
        namespace.set_webhook("https://localhost:1/", trust=namespace.ca_file)
    with azmqtt.LocalNamespace(state=state) as namespace:
        assert namespace.list_roles() == roles
        namespace.remove_role(OBJECT_ID, "Publisher", scope=group)
    journal = state / "sessions.journal"
    damaged = bytearray(journal.read_bytes())
    damaged[-1] ^= 1
    journal.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"sessions\.journal"):
        azmqtt.LocalNamespace(state=state)


def test_roots_of_webhooks_are_read(tmp_path):
    with pytest.raises(ValueError, match="webhook"):
        azmqtt.LocalNamespace(webhook_trust="-----BEGIN NOTHING-----")
    with azmqtt.LocalNamespace() as other, azmqtt.LocalNamespace(webhook_trust=other.ca_file) as namespace:
        assert namespace.port
