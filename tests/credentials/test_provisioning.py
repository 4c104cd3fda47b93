"""Devices find their hub through the provisioning service of a local hub."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from dataclasses import FrozenInstanceError

import pytest

import azmqtt
from azmqtt import Allocation
from azmqtt.provisioning import derive_device_key, register, register_async
from proxy_servers import HttpProxy, SocksProxy

GROUP_KEY = "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw=="


def test_a_device_with_a_key_of_its_own(hub):
    enrollment = hub.create_enrollment(
        "own-1", device_id="device-1", initial_twin={"properties": {"desired": {"a": 1}}}
    )
    with azmqtt.DeviceClient.provision(
        hub.id_scope, "own-1", symmetric_key=enrollment.key, **hub.provisioning_options
    ) as client:
        assert (client.hostname, client.device_id) == ("localhost", "device-1")
        assert client.registration is not None
        assert client.registration.substatus == "initialAssignment"
        client.send_message("hello")
        assert client.get_twin().desired == {"a": 1}
    assert hub.wait_for_telemetry("device-1", count=1, timeout=5)[0].text == "hello"
    assert "key" not in repr(enrollment)


@pytest.mark.parametrize("service", ["hub", "provisioning"])
def test_over_websockets_on_the_port_of_either_service(hub, service):
    """The hub's port for WebSockets serves both, and the provisioning service's takes them beside MQTT."""
    name = f"web-{service}"
    enrollment = hub.create_enrollment(name)
    port = hub.websocket_port if service == "hub" else hub.provisioning_port
    options = {**hub.provisioning_options, "provisioning_port": port, "port": hub.websocket_port, "websocket": True}
    with azmqtt.DeviceClient.provision(hub.id_scope, name, symmetric_key=enrollment.key, **options) as client:
        client.send_message("hello")
    assert hub.wait_for_telemetry(name, count=1, timeout=5)[0].text == "hello"


@pytest.mark.parametrize("kind", ["individual", "group"])
def test_either_key_is_taken(hub, kind):
    name = f"either-{kind}"
    if kind == "individual":
        enrollment = hub.create_enrollment(name, "Zmlyc3Q=", secondary_key="c2Vjb25k")
        keys = [enrollment.key, enrollment.secondary_key]
        assert keys == ["Zmlyc3Q=", "c2Vjb25k"]
    else:
        group = hub.create_enrollment_group("either", "Zmlyc3Q=", secondary_key="c2Vjb25k")
        keys = [group.device_key(name), group.device_key(name, secondary=True)]
    assert "c2Vjb25k" not in repr(enrollment if kind == "individual" else group)
    for key in keys:
        with azmqtt.DeviceClient.provision(hub.id_scope, name, symmetric_key=key, **hub.provisioning_options) as client:
            client.send_message("hello")
    if kind == "group":
        hub.remove_enrollment_group("either")


def test_a_new_device_id_makes_a_new_device(hub):
    key = hub.create_enrollment("moving", device_id="before").key
    arguments = (hub.id_scope, "moving")
    options = {"symmetric_key": key, **hub.provisioning_options}
    assert register(*arguments, **options).device_id == "before"
    hub.remove_registration("MOVING")
    assert [one for one in hub.registrations() if one.registration_id == "moving"] == []
    with pytest.raises(LookupError, match="moving"):
        hub.remove_registration("moving")
    hub.remove_enrollment("moving")
    hub.create_enrollment("moving", key, device_id="after")
    moved = register(*arguments, **options)
    assert (moved.device_id, moved.substatus) == ("after", "initialAssignment")
    assert {"before", "after"} <= {device.device_id for device in hub.devices()}
    # The client speaks 2019-03-31, which knows no other substatus; the service does.
    assert register(*arguments, **options).substatus == "initialAssignment"
    [registration] = [one for one in hub.registrations() if one.registration_id == "moving"]
    assert (registration.substatus, registration.count) == ("reprovisionedToInitialAssignment", 2)


async def test_a_device_of_a_group(hub):
    group = hub.create_enrollment_group("fleet", GROUP_KEY)
    device_id = "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6"
    key = "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc="
    assert derive_device_key(GROUP_KEY, device_id) == group.device_key(device_id) == key
    for secret in ({"symmetric_key": key}, {"group_key": GROUP_KEY}):
        async with await azmqtt.DeviceClient.provision_async(
            hub.id_scope, device_id, **secret, **hub.provisioning_options
        ) as client:
            await client.send_message_async("hello")
    [registration] = [one for one in hub.registrations() if one.group == "fleet"]
    assert (registration.device_id, registration.count) == (device_id, 2)
    hub.remove_enrollment_group("fleet")


def test_a_payload_both_ways(hub):
    enrollment = hub.create_enrollment("allocated")
    asked = []

    def policy(request):
        asked.append(request)
        return Allocation(payload={"interval": 5}, device_id="chosen", initial_twin={"tags": {"room": 7}})

    hub.on_allocation(policy)
    try:
        registration = register(
            hub.id_scope, "allocated", symmetric_key=enrollment.key, payload={"model": "x"}, **hub.provisioning_options
        )
        assert registration.payload == {"interval": 5}
        assert (registration.device_id, asked[0].payload, asked[0].group) == ("chosen", {"model": "x"}, None)
        assert hub.twin("chosen")["tags"] == {"room": 7}
        hub.on_allocation(lambda request: {"seen": request.registration_id})
        again = register(hub.id_scope, "allocated", symmetric_key=enrollment.key, **hub.provisioning_options)
        assert again.payload == {"seen": "allocated"}
    finally:
        hub.on_allocation(None)
    with pytest.raises(FrozenInstanceError):
        registration.device_id = "another"


def test_a_policy_that_fails(hub):
    enrollment = hub.create_enrollment("unlucky")
    hub.on_allocation(lambda _: 1 / 0)
    try:
        with pytest.raises(azmqtt.ProvisioningFailed, match="Custom allocation failed with status code: 500") as caught:
            register(hub.id_scope, "unlucky", symmetric_key=enrollment.key, **hub.provisioning_options)
    finally:
        hub.on_allocation(None)
    assert (caught.value.status, caught.value.error_code) == (200, 400207)
    assert caught.value.registration_state["status"] == "failed"
    assert "unlucky: the allocation policy failed: ZeroDivisionError" in (hub.last_refusal or "")


@pytest.mark.parametrize(("kind", "scheme"), [(HttpProxy, "http"), (SocksProxy, "socks5")])
def test_through_a_proxy(hub, kind, scheme):
    enrollment = hub.create_enrollment(f"behind-{scheme}")
    with kind(login=("user", "secret")) as proxy:
        options = {**hub.provisioning_options, "proxy": f"{scheme}://user:secret@127.0.0.1:{proxy.port}"}
        with azmqtt.DeviceClient.provision(
            hub.id_scope, enrollment.registration_id, symmetric_key=enrollment.key, **options
        ) as client:
            client.send_message("hello")
        with pytest.raises(azmqtt.ConnectionFailed) as caught:
            register(
                hub.id_scope,
                enrollment.registration_id,
                symmetric_key=enrollment.key,
                **{**options, "proxy": f"{scheme}://user:wrong@127.0.0.1:{proxy.port}"},
            )
    assert caught.value.step == "proxy"
    assert "wrong" not in str(caught.value)


def test_refusals_are_typed(hub):
    key = derive_device_key(GROUP_KEY, "x")
    with pytest.raises(azmqtt.ProvisioningFailed, match="is there an enrolment") as caught:
        register(hub.id_scope, "nobody", symmetric_key=key, **hub.provisioning_options)
    assert (caught.value.status, caught.value.error_code) == (404, 404201)
    hub.create_enrollment("wrong-key")
    with pytest.raises(azmqtt.ProvisioningFailed, match="is the key") as caught:
        register(hub.id_scope, "wrong-key", symmetric_key=key, **hub.provisioning_options)
    assert (caught.value.status, caught.value.error_code) == (401, 401002)
    assert key not in str(caught.value)
    disabled = hub.create_enrollment("disabled", enabled=False)
    with pytest.raises(azmqtt.ProvisioningFailed, match="disabled"):
        register(hub.id_scope, "disabled", symmetric_key=disabled.key, **hub.provisioning_options)
    hub.set_enrollment_enabled("DISABLED", enabled=True)
    assert register(hub.id_scope, "disabled", symmetric_key=disabled.key, **hub.provisioning_options).device_id
    with pytest.raises(azmqtt.AuthenticationFailed, match="id scope"):
        register("0neWRONG", "disabled", symmetric_key=disabled.key, **hub.provisioning_options)


def test_throttling(hub):
    enrollment = hub.create_enrollment("throttled")
    hub.fail_provisioning(429001, count=2, retry_after=0)
    assert register(hub.id_scope, "throttled", symmetric_key=enrollment.key, **hub.provisioning_options).device_id
    hub.fail_provisioning(429001, retry_after=3600)
    began = time.monotonic()
    with pytest.raises(azmqtt.Throttled) as caught:
        register(hub.id_scope, "throttled", symmetric_key=enrollment.key, **hub.provisioning_options)
    assert caught.value.retry_after == 3600
    assert time.monotonic() - began < 10


def test_it_ends_with_its_timeout(hub):
    enrollment = hub.create_enrollment("slow")
    hub.set_provisioning_pace(polls=1_000_000)
    try:
        with pytest.raises(azmqtt.RequestTimeout, match=r"the registration within 0\.5 s"):
            register(hub.id_scope, "slow", symmetric_key=enrollment.key, timeout=0.5, **hub.provisioning_options)
    finally:
        hub.set_provisioning_pace()
    hub.mute_provisioning(close=True)
    assert register(hub.id_scope, "slow", symmetric_key=enrollment.key, **hub.provisioning_options).device_id


async def test_cancelling_ends_it(hub):
    enrollment = hub.create_enrollment("cancelled")
    hub.set_provisioning_pace(polls=1_000_000)
    try:
        task = asyncio.create_task(
            register_async(hub.id_scope, "cancelled", symmetric_key=enrollment.key, **hub.provisioning_options)
        )
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    finally:
        hub.set_provisioning_pace()


@pytest.mark.parametrize("signed_by", ["hub", "group", "thumbprint"])
def test_certificates(hub, signed_by):
    name = f"x509-{signed_by}"
    made = hub.create_certificate(name, self_signed=signed_by == "thumbprint")
    if signed_by == "hub":
        assert hub.create_enrollment(name, ca=True).key is None
    elif signed_by == "group":
        group = hub.create_enrollment_group("certificates", ca=True)
        with pytest.raises(ValueError, match="certificates"):
            group.device_key("x")
    else:
        hub.create_enrollment(name, x509_thumbprint=made.thumbprint)
    shown = {"certificate": made.certificate, "private_key": made.private_key}
    for _ in range(2):
        with azmqtt.DeviceClient.provision(hub.id_scope, name, **shown, **hub.provisioning_options) as client:
            client.send_message("hello")
    other = hub.create_certificate("another")
    with pytest.raises(azmqtt.ProvisioningFailed) as caught:
        register(
            hub.id_scope,
            name,
            certificate=other.certificate,
            private_key=other.private_key,
            **hub.provisioning_options,
        )
    assert caught.value.status == 401
    with pytest.raises(azmqtt.ProvisioningFailed, match="is the key or certificate"):
        register(hub.id_scope, name, symmetric_key="AAAA", **hub.provisioning_options)
    if signed_by == "group":
        hub.remove_enrollment_group("certificates")


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({}, ValueError, "symmetric_key"),
        ({"symmetric_key": "AAAA", "group_key": "AAAA"}, ValueError, "symmetric_key"),
        ({"symmetric_key": "not base64!"}, ValueError, "symmetric_key: .*base64"),
        ({"group_key": "not base64!"}, ValueError, "group_key: .*base64"),
        ({"symmetric_key": "AAAA", "provisioning_port": 0}, ValueError, "provisioning_port"),
        ({"symmetric_key": "AAAA", "provisioning_port": "1"}, TypeError, "provisioning_port"),
        ({"symmetric_key": "AAAA", "provisioning_host": "https://x"}, ValueError, "provisioning_host"),
        ({"symmetric_key": "AAAA", "payload": object()}, TypeError, "payload"),
        ({"symmetric_key": "AAAA", "poll_interval": -1}, ValueError, "poll_interval"),
        ({"symmetric_key": "AAAA", "port": 0}, ValueError, "^port"),
        ({"symmetric_key": "AAAA", "prot": 1}, TypeError, "prot"),
        ({"symmetric_key": "AAAA", "timeout": 0}, ValueError, "timeout"),
    ],
)
def test_bad_arguments(arguments, error, match):
    with pytest.raises(error, match=match) as caught:
        azmqtt.DeviceClient.provision("0ne1", "d", **arguments)
    assert "not base64!" not in str(caught.value)
    with pytest.raises(ValueError, match="registration id"):
        register("0ne1", "a b", symmetric_key="AAAA")
    with pytest.raises(ValueError, match="id scope"):
        register("0ne/1", "a", symmetric_key="AAAA")


def test_enrolments_stay_with_the_state(tmp_path):
    with azmqtt.LocalHub(state=tmp_path) as hub:
        scope, key = hub.id_scope, hub.create_enrollment("d1").key
        hub.create_enrollment("gone")
        made = hub.create_certificate("d2")
        hub.create_enrollment("d2", x509_thumbprint=made.thumbprint)
        hub.remove_enrollment("gone")
        with pytest.raises(LookupError, match="gone"):
            hub.remove_enrollment("gone")
        with pytest.raises(ValueError, match="already"):
            hub.create_enrollment("D1")
    with azmqtt.LocalHub(state=tmp_path) as hub:
        assert hub.id_scope == scope
        assert register(scope, "d1", symmetric_key=key, **hub.provisioning_options).device_id == "d1"
        shown = {"certificate": made.certificate, "private_key": made.private_key}
        assert register(scope, "d2", **shown, **hub.provisioning_options).device_id == "d2"


def test_the_thread_of_a_policy_ends_with_the_hub():
    before = set(threading.enumerate())
    with azmqtt.LocalHub() as hub:
        hub.on_allocation(lambda _: None)
        [thread] = [one for one in threading.enumerate() if one.name == "azmqtt-allocation" and one not in before]
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_a_policy_that_wants_to_end_the_program_fails_its_registration_alone(hub, error):
    asked = []

    def policy(request):
        asked.append(request)
        if len(asked) == 1:
            raise error
        return "fine"

    enrollment = hub.create_enrollment(f"policy-{error.__name__}")
    arguments = (hub.id_scope, enrollment.registration_id)
    options = {"symmetric_key": enrollment.key, "timeout": 10, **hub.provisioning_options}
    hub.on_allocation(policy)
    try:
        with pytest.raises(azmqtt.ProvisioningFailed, match="status code: 500"):
            register(*arguments, **options)
        assert error.__name__ in (hub.last_refusal or "")
        assert register(*arguments, **options).payload == "fine"
    finally:
        hub.on_allocation(None)


def test_an_async_policy_is_refused_at_once(hub):
    async def policy(request):
        return None

    with pytest.raises(TypeError, match="policy must be a plain function"):
        hub.on_allocation(policy)


def test_every_form_takes_the_same_arguments():
    forms = (register, register_async, azmqtt.DeviceClient.provision, azmqtt.DeviceClient.provision_async)
    first, *others = [inspect.signature(form).parameters for form in forms]
    for other in others:
        assert other == first
