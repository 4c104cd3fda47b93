"""The local namespace from Python: made, filled with resources, used by clients over real sockets, stopped."""

from __future__ import annotations

import os
import socket
import ssl
import time

import pytest

import azmqtt

TOPIC = "contosotopics/topic1"


def grant(namespace: azmqtt.LocalNamespace, *permissions: str) -> None:
    """Let every client do so on the topics of ContosoTopicSpace."""
    namespace.create_topic_space("ContosoTopicSpace", [TOPIC])
    for permission in permissions:
        namespace.create_permission_binding(
            f"contoso{permission.lower()}binding", topic_space_name="ContosoTopicSpace", permission=permission
        )


def test_a_message_goes_from_client_to_client():
    with azmqtt.LocalNamespace() as namespace:
        grant(namespace, "Publisher", "Subscriber")
        with namespace.mqtt_client("client1") as one, namespace.mqtt_client("client2") as two:
            messages = two.messages(timeout=20)
            two.subscribe(TOPIC)
            one.publish(TOPIC, {"temperature": 21.5})
            assert next(messages).json() == {"temperature": 21.5}
            with pytest.raises(azmqtt.PublishRefused, match="0x87"):
                one.publish("contosotopics/topic2", b"")
            with pytest.raises(azmqtt.SubscribeRefused):
                two.subscribe("#")
    assert repr(namespace) == "<LocalNamespace stopped, 2 clients>"


def refusal_of(namespace: azmqtt.LocalNamespace, port: int, data: bytes | None = None) -> str:
    """Say why a client is refused that knows no authority, or sends something that is no TLS."""
    with socket.create_connection((namespace.hostname, port), timeout=20) as stream:
        if data is None:
            with pytest.raises(ssl.SSLCertVerificationError):
                ssl.create_default_context().wrap_socket(stream, server_hostname=namespace.hostname)
        else:
            stream.sendall(data)
        while stream.fileno() >= 0 and stream.recv(1024):
            pass
    deadline = time.monotonic() + 20
    while namespace.last_refusal is None and time.monotonic() < deadline:
        time.sleep(0.005)
    return namespace.last_refusal or ""


def test_a_handshake_that_fails_says_why():
    with azmqtt.LocalNamespace() as namespace:
        refusal = refusal_of(namespace, namespace.port)
    assert refusal.startswith("MQTT port: TLS handshake with 127.0.0.1:")
    assert "the client does not trust the namespace's certificate" in refusal
    assert refusal.endswith("give it the namespace's ca_file")
    with azmqtt.LocalNamespace() as namespace:
        refusal = refusal_of(namespace, namespace.https_port, b"GET / HTTP/1.1\r\n\r\n")
    assert refusal.startswith("HTTPS port: TLS handshake with 127.0.0.1:")
    assert refusal.endswith("the client does not speak TLS")


def test_nothing_is_allowed_before_there_is_a_binding():
    with azmqtt.LocalNamespace() as namespace:
        grant(namespace)
        with namespace.mqtt_client("client1") as client, pytest.raises(azmqtt.PublishRefused):
            client.publish(TOPIC, b"")


@pytest.mark.parametrize("options", [{"websocket": True}, {"protocol": 4}], ids=["websocket", "3.1.1"])
def test_other_ways_to_connect(options: dict):
    with azmqtt.LocalNamespace() as namespace:
        grant(namespace, "Publisher")
        with namespace.mqtt_client("client1", **options) as client:
            client.publish(TOPIC, b"x")


def test_who_loses_the_right_to_a_subscription_is_disconnected():
    with azmqtt.LocalNamespace() as namespace:
        grant(namespace, "Subscriber")
        with namespace.mqtt_client("client1") as client:
            client.subscribe(TOPIC)
            changes = client.state_changes(timeout=20)
            namespace.delete_permission_binding("contososubscriberbinding")
            change = next(change for change in changes if change.state != "connected")
            assert "0x87" in str(change.reason)
            with pytest.raises(azmqtt.SubscribeRefused):
                client.subscribe(TOPIC)


def test_who_is_not_known_is_refused_and_the_namespace_says_why():
    with azmqtt.LocalNamespace() as namespace:
        client = namespace.create_client("client1", enabled=False)
        assert client.certificate is not None
        assert not client.enabled
        with namespace.mqtt_client("client1") as mqtt, pytest.raises(azmqtt.AuthenticationFailed):
            mqtt.connect()
        assert "disabled" in (namespace.last_refusal or "")
        namespace.update_client("client1", enabled=True)
        with namespace.mqtt_client("client1") as mqtt:
            mqtt.connect()


def test_certificates_that_an_authority_signed():
    with azmqtt.LocalNamespace() as namespace:
        namespace.create_client("client1", validation_scheme="SubjectMatchesAuthenticationName")
        made = namespace.create_certificate("client1")
        shown = {"certificate": made.certificate, "private_key": made.private_key}
        with namespace.mqtt_client("client1", **shown) as client, pytest.raises(azmqtt.AuthenticationFailed):
            client.connect()
        name = namespace.add_ca(namespace.ca_pem)
        with namespace.mqtt_client("client1", **shown) as client:
            client.connect()
        with pytest.raises(ValueError, match="certificate"):
            namespace.mqtt_client("client1")
        namespace.delete_ca(name)
        with pytest.raises(LookupError, match=name):
            namespace.delete_ca(name)


def test_clients_are_made_changed_listed_and_deleted():
    with azmqtt.LocalNamespace() as namespace:
        made = namespace.create_client(
            "pump1", authentication_name="Pump-1", attributes={"floor": 3, "type": "pump", "tags": ["a", "b"]}
        )
        assert made == namespace.get_client("pump1") == namespace.list_clients()[0]
        assert (made.authentication_name, made.validation_scheme) == ("Pump-1", "ThumbprintMatch")
        assert made.attributes == {"floor": 3, "type": "pump", "tags": ["a", "b"]}
        changed = namespace.update_client("pump1", attributes={"floor": 4}, description="moved")
        assert (changed.attributes, changed.description) == ({"floor": 4}, "moved")
        assert changed.allowed_thumbprints == made.allowed_thumbprints
        with pytest.raises(ValueError, match="already"):
            namespace.create_client("pump1")
        with pytest.raises(ValueError, match="authentication name"):
            namespace.create_client("pump2", authentication_name="PUMP-1")
        namespace.delete_client("pump1")
        for call in (namespace.get_client, namespace.delete_client, namespace.update_client):
            with pytest.raises(LookupError, match="pump1"):
                call("pump1")
        assert namespace.list_clients() == []


def test_groups_spaces_and_bindings_are_made_changed_listed_and_deleted():
    with azmqtt.LocalNamespace() as namespace:
        group = namespace.create_client_group("pumps", "attributes.type = 'pump'", description="all of them")
        assert group == azmqtt.ClientGroup("pumps", "attributes.type = 'pump'", "all of them")
        assert namespace.update_client_group("pumps", query="attributes.floor > 1").description == "all of them"
        space = namespace.create_topic_space("topics", ["pumps/${client.authenticationName}/#"])
        assert namespace.list_topic_spaces() == [space]
        assert namespace.update_topic_space("topics", topic_templates=["a", "b"]).topic_templates == ("a", "b")
        binding = namespace.create_permission_binding(
            "publish", client_group_name="pumps", topic_space_name="topics", permission="Publisher"
        )
        assert namespace.get_permission_binding("publish") == binding
        assert namespace.update_permission_binding("publish", client_group_name="$all").client_group_name == "$all"
        namespace.update_permission_binding("publish", client_group_name="pumps")
        for delete, name in ((namespace.delete_client_group, "pumps"), (namespace.delete_topic_space, "topics")):
            with pytest.raises(ValueError, match="publish"):
                delete(name)
        namespace.delete_permission_binding("publish")
        namespace.delete_client_group("pumps")
        namespace.delete_topic_space("topics")
        assert (namespace.list_client_groups(), namespace.list_permission_bindings()) == ([], [])


def test_arguments_that_break_a_rule_are_named():
    with azmqtt.LocalNamespace() as namespace:
        for attributes in ({"a": True}, {"a": 1.5}, {"a": [1]}, {1: "a"}):
            with pytest.raises(TypeError, match="attributes"):
                namespace.create_client("client1", attributes=attributes)
        for attributes in ({"a-b": 1}, {"a": 2**63}, {"a": "x" * 4096}):
            with pytest.raises(ValueError, match="attribute"):
                namespace.create_client("client1", attributes=attributes)
        with pytest.raises(ValueError, match="validation_scheme"):
            namespace.create_client("client1", validation_scheme="Subject")
        with pytest.raises(ValueError, match="ThumbprintMatch"):
            namespace.create_client("client1", validation_scheme="ThumbprintMatch")
        with pytest.raises(ValueError, match="thumbprint"):
            namespace.create_client("client1", allowed_thumbprints=["abc"])
        with pytest.raises(ValueError, match="query"):
            namespace.create_client_group("pumps", "floor is high")
        with pytest.raises(ValueError, match="template"):
            namespace.create_topic_space("topics", ["a/#/b"])
        with pytest.raises(TypeError, match="topic_templates"):
            namespace.create_topic_space("topics", "a/#")
        with pytest.raises(LookupError, match="topic space"):
            namespace.create_permission_binding("publish", topic_space_name="topics", permission="Publisher")
        namespace.create_topic_space("topics", ["a"])
        with pytest.raises(ValueError, match="permission"):
            namespace.create_permission_binding("publish", topic_space_name="topics", permission="publisher")
        assert namespace.list_clients() == []


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"port": 70_000}, ValueError),
        ({"port": "8883"}, TypeError),
        ({"units": 0}, ValueError),
        ({"limits": "none"}, ValueError),
        ({"maximum_session_expiry_in_hours": 9}, ValueError),
        ({"maximum_client_sessions_per_authentication_name": 0}, ValueError),
        ({"propagation": -1}, ValueError),
        ({"operation_time": -1}, ValueError),
        ({"allow_remote": "yes"}, TypeError),
        ({"allowed_origins": "https://example.com"}, TypeError),
        ({"behaviours": {"denied_subscribe": "maybe"}}, ValueError),
        ({"behaviours": {"nothing": "maybe"}}, ValueError),
        ({"hostname": 5}, TypeError),
    ],
)
def test_options_are_checked(options: dict, error: type[Exception]):
    with pytest.raises(error):
        azmqtt.LocalNamespace(**options)


def test_behaviours_can_be_switched():
    with azmqtt.LocalNamespace(behaviours={"denied_subscribe": "unspecified"}) as namespace:
        with namespace.mqtt_client("client1") as client, pytest.raises(azmqtt.SubscribeRefused) as refused:
            client.subscribe(TOPIC)
        assert refused.value.reason_codes == (0x80,)


def test_a_namespace_that_was_stopped_takes_no_more_calls():
    namespace = azmqtt.LocalNamespace()
    ca_file = namespace.ca_file
    assert os.path.exists(ca_file)
    namespace.close()
    namespace.close()
    assert not os.path.exists(ca_file)
    for call in (
        lambda: namespace.create_client("client1"),
        lambda: namespace.mqtt_client("client1"),
        lambda: namespace.create_topic_space("topics", ["a"]),
        lambda: namespace.delete_permission_binding("publish"),
        lambda: namespace.add_ca(namespace.ca_pem),
        namespace.__enter__,
    ):
        with pytest.raises(RuntimeError, match="the namespace is stopped"):
            call()


def test_a_port_in_use_is_an_os_error():
    with azmqtt.LocalNamespace() as namespace, pytest.raises(OSError, match="in use"):
        azmqtt.LocalNamespace(port=namespace.port)


def test_the_authority_stays_in_the_state_directory(tmp_path):
    with azmqtt.LocalNamespace(state=tmp_path) as namespace:
        ca_pem = namespace.ca_pem
        with pytest.raises(OSError, match="in use"):
            azmqtt.LocalNamespace(state=tmp_path)
    with azmqtt.LocalNamespace(state=tmp_path) as namespace:
        assert namespace.ca_pem == ca_pem
    (tmp_path / "ca.pem").write_text("nonsense")
    with pytest.raises(ValueError, match=r"ca\.pem"):
        azmqtt.LocalNamespace(state=tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork() here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_knows_where_the_namespace_is_and_no_more():
    with azmqtt.LocalNamespace() as namespace:
        child = os.fork()
        if child == 0:
            try:
                assert namespace.port
                assert "parent" in repr(namespace)
                with pytest.raises(RuntimeError, match="make a new namespace"):
                    namespace.list_clients()
                namespace.close()
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert namespace.list_clients() == []
