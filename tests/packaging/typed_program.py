"""What a user with `mypy --strict` writes: every public name, as its type is meant. Checked, never run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID

from typing_extensions import assert_type

import azmqtt
from azmqtt import data, faults, pnp, provisioning, sas

assert_type(azmqtt.__version__, str)


@dataclass
class Reported:
    """A patch of the user's own."""

    at: datetime


class Kind(Enum):
    BOILER = "boiler"


def to_json(value: object) -> object:
    return str(value)


OPTIONS: azmqtt.ClientOptions = {
    "trust": Path("ca.pem"),
    "proxy": "environment",
    "websocket": True,
    "retry": azmqtt.RetryPolicy(base=0.5, max=60, first_connect=True),
    "outbox": azmqtt.Outbox(messages=10, bytes=1000),
    "lost_session": "fail",
    "json_default": to_json,
}


def sign(data: bytes) -> bytes:
    return data


async def sign_async(data: bytes) -> bytes:
    return data


def report(done: int, total: int | None) -> None:
    print(done, total)


async def token() -> str:
    return sas.generate("h/devices/d", "a2V5")


def clients() -> list[azmqtt.DeviceClient]:
    make = azmqtt.DeviceClient
    return [
        make.from_connection_string("HostName=…", certificate=b"", private_key=Path("k"), passphrase="p", **OPTIONS),
        make.from_symmetric_key("h", "d", "a2V5", secondary_key="a2V5", module_id="m", timeout=5),
        make.from_sas_token("…", on_token_needed=token),
        make.from_sas_token("…", on_token_needed=lambda: "…", **OPTIONS),
        make.from_certificate("h", "d", certificate="c.pem"),
        make.from_signer("h", "d", sign),
        make.from_signer("h", "d", sign_async, sas_ttl=60),
        make.from_environment(**OPTIONS),
        make.provision("0ne", "r", group_key="a2V5", payload={"a": [1, None]}, **OPTIONS),
    ]


class Thermostat(azmqtt.DeviceClient):
    """A class of the user's own: the constructors make it."""


def device(client: azmqtt.DeviceClient) -> None:
    assert_type(Thermostat.from_environment(), Thermostat)
    with client as same:
        assert_type(same, azmqtt.DeviceClient)
    message = azmqtt.Message({"t": 1}, properties={"a": "b"}, output_name="out")
    client.send_message(message, timeout=3)
    assert_type(client.send_messages((m for m in [message]), progress=report), int)
    twin: azmqtt.Twin = client.get_twin()
    assert_type(twin.desired, dict[str, Any])
    client.send_message({"at": datetime.now(timezone.utc), "price": Decimal("1.10"), "kind": Kind.BOILER})
    client.patch_reported_properties(Reported(at=datetime.now(timezone.utc)))
    client.patch_reported_properties({Kind.BOILER: {"id": UUID(int=1)}})
    client.patch_reported_properties(MappingProxyType({"a": 1}))
    patched: azmqtt.ReportedPatch = client.patch_reported_properties({"a": None}, if_version=3)
    assert_type(patched.version, int)
    uploaded: azmqtt.UploadResult = client.upload_file(Path("f"), "blob", progress=report)
    assert_type(uploaded.sent, int)
    called: azmqtt.MethodResult = client.invoke_method("d", "m", {"x": 1}, module_id="m")
    assert_type(called.status, int)
    messages: azmqtt.Stream[azmqtt.CloudMessage] = client.messages(timeout=1)
    assert_type([message.text() for message in messages], list[str])
    for change in client.desired_properties():
        assert_type(change, azmqtt.DesiredPatch)
    for state in client.state_changes():
        assert_type(state, azmqtt.StateChange)
    stats: azmqtt.Stats = client.stats()
    times: azmqtt.RoundTrips | None = stats.publish_round_trip
    assert_type(times.p99 if times else None, float | None)
    registration: azmqtt.Registration | None = client.registration
    print(registration, client.last_error, client.connected, client.state == "closed")
    client.disconnect(timeout=1)
    assert_type(client.close(), int)


async def async_device(client: azmqtt.DeviceClient) -> None:
    async with client as same:
        assert_type(same, azmqtt.DeviceClient)
    await client.send_message_async("x", qos=0)
    assert_type(await client.get_twin_async(), azmqtt.Twin)
    async for message in client.messages():
        assert_type(message, azmqtt.CloudMessage)
    assert_type(await azmqtt.DeviceClient.provision_async("0ne", "r", symmetric_key="a2V5"), azmqtt.DeviceClient)
    assert_type(await provisioning.register_async("0ne", "r", symmetric_key="a2V5"), azmqtt.Registration)
    assert_type(await client.upload_file_async(b"", "blob"), azmqtt.UploadResult)
    await client.disconnect_async()
    assert_type(await client.close_async(), int)


def handlers(client: azmqtt.DeviceClient) -> None:
    azmqtt.set_handler_threads(1024)

    @client.on_message
    def message(message: azmqtt.CloudMessage) -> None: ...

    @client.on_input_message("in")
    async def readings(message: azmqtt.CloudMessage) -> None: ...

    @client.on_desired_properties
    async def desired(change: azmqtt.DesiredPatch) -> None: ...

    @client.on_state_change
    def state(change: azmqtt.StateChange) -> None: ...

    @client.on_method("reboot")
    def reboot(request: azmqtt.MethodRequest) -> azmqtt.MethodResponse:
        return azmqtt.MethodResponse(200, request.payload)

    @client.on_method()
    async def other(request: azmqtt.MethodRequest) -> tuple[int, str]:
        return 404, request.name

    client.on_method("shot", lambda request: {"size": request.payload})
    # A decorated function keeps its type.
    assert_type(reboot(azmqtt.MethodRequest("n", None, b"")), azmqtt.MethodResponse)


def errors(error: azmqtt.IotHubError) -> str | int | float | None:
    print(error.acknowledged)
    if isinstance(error, azmqtt.ConnectionFailed):
        return error.step
    if isinstance(error, azmqtt.Throttled):
        return error.retry_after
    if isinstance(error, azmqtt.ProvisioningFailed):
        return str(error.registration_state)
    if isinstance(error, azmqtt.PreconditionFailed | azmqtt.RequestFailed):
        return error.error_code
    if isinstance(error, azmqtt.UploadFailed):
        return error.step
    others = (azmqtt.AuthenticationFailed, azmqtt.BadAnswer, azmqtt.ClientClosed, azmqtt.ConnectionLost)
    more = (azmqtt.RequestTimeout, azmqtt.OutboxFull, azmqtt.MessageTooLarge, azmqtt.ThreadUnavailable)
    return f"{isinstance(error, others)} {isinstance(error, more)} {azmqtt.CertificateExpiresSoon}"


def plug_and_play(client: azmqtt.DeviceClient) -> None:
    for item in pnp.writable_properties(client.get_twin()):
        assert_type(item, pnp.WritableProperty)
        client.patch_reported_properties(item.acknowledge(400, "no"))
    client.send_message(pnp.telemetry({"t": 1}, component="c"))
    assert_type(pnp.split_command(pnp.command_name("c", "m")), tuple[str | None, str])


def policy(request: azmqtt.AllocationRequest) -> azmqtt.Allocation:
    return azmqtt.Allocation(payload=request.payload)


def local_hub() -> None:
    with azmqtt.LocalHub(state=Path("hub")) as hub:
        device: azmqtt.LocalDevice = hub.create_device("d", ca=True)
        module: azmqtt.LocalModule = hub.create_module("d", "m")
        made: azmqtt.DeviceCertificate = hub.create_certificate("d")
        enrollment: azmqtt.Enrollment = hub.create_enrollment("r")
        group: azmqtt.EnrollmentGroup = hub.create_enrollment_group("g")
        print(device.connection_string, module.connection_string, made.certificate, enrollment.key, group.key)
        hub.on_allocation(policy)
        client = hub.device_client("d", websocket=True)
        for message in hub.wait_for_telemetry("d", 1):
            assert_type(message, azmqtt.TelemetryMessage)
        assert_type(hub.telemetry("d"), data.MessageList[azmqtt.TelemetryMessage])
        print(hub.telemetry("d").to_pandas(), data.frame(hub.wait_for_telemetry("d")))
        hub.patch_desired("d", Reported(at=datetime.now(timezone.utc)))
        hub.send_c2d("d", {Kind.BOILER: Decimal("1.10")})
        assert_type(hub.wait_for_telemetry(lambda message: message.json(), 5), azmqtt.TelemetryMessage)
        assert_type(hub.wait_for_telemetry("d", predicate=lambda message: message.text), azmqtt.TelemetryMessage)
        for packet in hub.packets("d"):
            assert_type(packet, azmqtt.Packet)
        for record in hub.wait_for_feedback("d", count=1):
            assert_type(record, azmqtt.FeedbackRecord)
        for upload in hub.wait_for_upload("d", count=1):
            assert_type(upload, azmqtt.FileUpload)
        for registration in hub.registrations():
            assert_type(registration, azmqtt.LocalRegistration)
        assert_type(hub.invoke_method("d", "m"), azmqtt.MethodResult)
        with hub.inject_fault(faults.Lose("puback"), device_id="d") as fault:
            assert_type(fault, azmqtt.InjectedFault)
        assert_type(client, azmqtt.DeviceClient)


class AccessToken:
    """As azure-core has it."""

    token = "…"
    expires_on = 2**31


class TokenCredential:
    """As azure-identity has them."""

    def get_token(self, *scopes: str) -> AccessToken:
        print(scopes)
        return AccessToken()


def answer(challenge: bytes | None) -> bytes | None:
    return challenge


def any_broker() -> list[azmqtt.MqttClient]:
    options: azmqtt.MqttOptions = {"protocol": 5, "session_expiry": 60, "lost_session": "fail", "ack": "manual"}
    will = azmqtt.Will("gone/d", {"why": "lost"}, qos=1, delay=5, user_properties=[("a", "b")])
    return [
        azmqtt.MqttClient("h", "d", username="u", password=b"p", will=will, protocol=5),
        azmqtt.MqttClient("h", authentication=azmqtt.EntraToken(TokenCredential())),
        azmqtt.MqttClient("h", authentication=azmqtt.JsonWebToken(token), certificate=Path("c"), private_key="k"),
        azmqtt.MqttClient("h", authentication=azmqtt.ServiceAccountToken(Path("sat")), trust=b""),
        azmqtt.MqttClient("h", authentication=azmqtt.Enhanced("SCRAM", answer, renew_after=60)),
        azmqtt.MqttClient.from_environment(**options),
    ]


def broker(client: azmqtt.MqttClient) -> None:
    with client as same:
        assert_type(same, azmqtt.MqttClient)
    published: azmqtt.Published = client.publish("t", {"t": 1}, user_properties={"a": "b"}, qos=2, retain=True)
    assert_type(published.matched, bool | None)
    assert_type(client.publish_many([("t", 1), azmqtt.MqttMessage("t", b"", qos=0)], progress=report), int)
    assert_type(client.subscribe("a/#", "b", no_local=True, subscription_identifier=2), tuple[int, ...])
    assert_type(client.unsubscribe("a/#"), tuple[int, ...])
    messages: azmqtt.Stream[azmqtt.MqttMessage] = client.messages("a/+", timeout=1)
    for message in messages:
        assert_type(message.user_properties, list[tuple[str, str]])
        message.ack()
        assert_type(client.respond(message, "x"), azmqtt.Published)
    assert_type(client.request("t", b"", response_topic="r").payload, bytes)
    stats: azmqtt.MqttStats = client.stats()
    assert_type(stats.messages_unclaimed, int)
    assert_type(client.close(), int)

    @client.on_message
    def everything(message: azmqtt.MqttMessage) -> None: ...

    @client.on_message("a/#")
    async def some(message: azmqtt.MqttMessage) -> None: ...

    @client.on_state_change
    def state(change: azmqtt.StateChange) -> None: ...


async def async_broker(client: azmqtt.MqttClient) -> None:
    async with client as same:
        assert_type(same, azmqtt.MqttClient)
    assert_type(await client.publish_async("t", "x"), azmqtt.Published)
    assert_type(await client.publish_many_async([("t", 1)]), int)
    assert_type(await client.subscribe_async("a"), tuple[int, ...])
    assert_type(await client.request_async("t"), azmqtt.MqttMessage)
    async for message in client.messages():
        assert_type(message, azmqtt.MqttMessage)


def namespace(state: Path) -> None:
    with azmqtt.LocalNamespace(state=state, limits="service", behaviours={"zero_expiry": "at-once"}) as namespace:
        made: azmqtt.NamespaceClient = namespace.create_client("client1", attributes={"floor": 3, "tags": ["a"]})
        if made.certificate is not None:
            assert_type(made.certificate, azmqtt.DeviceCertificate)
        group: azmqtt.ClientGroup = namespace.create_client_group("pumps", "attributes.floor > 2")
        space: azmqtt.TopicSpace = namespace.create_topic_space("topics", ["a/#"])
        binding: azmqtt.PermissionBinding = namespace.create_permission_binding(
            "publish", client_group_name=group.name, topic_space_name=space.name, permission="Publisher"
        )
        assert_type(namespace.list_permission_bindings(), list[azmqtt.PermissionBinding])
        namespace.delete_permission_binding(binding.name)
        assert_type(namespace.add_ca(namespace.ca_pem), str)
        authority: azmqtt.CaCertificate = namespace.create_ca_certificate("contoso-ca", namespace.ca_file)
        assert_type(namespace.list_ca_certificates(), list[azmqtt.CaCertificate])
        namespace.delete_ca_certificate(authority.name)
        shown = namespace.create_certificate("pump", dns_names=["pump.example"], ip_addresses=["::1"])
        assert_type(shown, azmqtt.DeviceCertificate)
        event: azmqtt.LifeCycleEvent = namespace.wait_for_life_cycle_event(kind="MQTTClientSessionConnected")
        assert_type(namespace.life_cycle_events(after=event.sequence), list[azmqtt.LifeCycleEvent])
        schedule = azmqtt.faults.FaultSchedule(7, 1, [("drop:on=publish", {"every": 1})])
        assert_type(namespace.start_fault_schedule(schedule), list[azmqtt.faults.PlannedFault])
        assert_type(namespace.mqtt_client("client1"), azmqtt.MqttClient)
        found: azmqtt.NamespaceMessage = namespace.wait_for_message("a/#", 5)
        assert_type(namespace.messages("a/#", after=found.sequence), data.MessageList[azmqtt.NamespaceMessage])
        assert_type(namespace.last_refusal, str | None)


def errors_of_any_client(error: azmqtt.Error) -> int | str | tuple[int, ...] | None:
    if isinstance(error, azmqtt.PublishRefused):
        return error.reason_code + error.refused
    if isinstance(error, azmqtt.SubscribeRefused):
        return error.reason_codes
    if isinstance(error, azmqtt.ServerMoved):
        return error.server_reference
    if isinstance(error, azmqtt.SessionTakenOver | azmqtt.ConnectionLost | azmqtt.AuthenticationFailed):
        return error.reason_code
    others = (azmqtt.DeliveryUnknown, azmqtt.SessionLost, azmqtt.NotSupported, azmqtt.MessageExpired)
    return f"{isinstance(error, others)}"
