"""IoT Plug and Play: the shapes, and that a hub and a device understand each other by them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import azmqtt
from azmqtt import pnp

MODEL = "dtmi:com:example:TemperatureController;2"

NAMES = st.from_regex(r"[A-Za-z]([A-Za-z0-9_]{0,10}[A-Za-z0-9])?", fullmatch=True)
VALUES = (
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=5) | st.lists(st.integers(), max_size=3)
)


LONGEST = "dtmi:a:" + "b" * 119 + ";1"
IDS = ["dtmi:a;1", MODEL, "dtmi:com:ex_ample:T1;999999999", "dtmi:com:example:Thermostat;1.2", LONGEST]


@pytest.mark.parametrize("dtmi", IDS)
def test_ids_of_models(dtmi):
    assert pnp.check_dtmi(dtmi) == dtmi


NO_IDS = [
    *("dtmi:", "dtmi:;1", "dtmi:a", "dtmi:a;0", "dtmi:a;01", "dtmi:a;1234567890", "dtmi:1a;1", "dtmi:a_;1"),
    *("dtmi:_a;1", "dtmi:a::b;1", "DTMI:a;1", "dtmi:ä;1", " dtmi:a;1", "dtmi:a;1\n", "urn:a;1", "dtmi:a;1.0"),
    *("dtmi:a.b;1", "dtmi:a;1;2", "dtmi:a;1#x"),
]


@pytest.mark.parametrize("dtmi", ["", LONGEST.replace("b", "bb"), *NO_IDS])
def test_what_is_no_id(dtmi):
    with pytest.raises(ValueError, match="dtmi must be like"):
        pnp.check_dtmi(dtmi)


def test_reported_properties():
    assert pnp.component_patch("thermostat1", {"maxTemp": 38.7}) == {"thermostat1": {"__t": "c", "maxTemp": 38.7}}
    assert pnp.component_patch(None, {"serial": "x"}) == {"serial": "x"}
    assert pnp.acknowledgement(5, 3) == {"value": 5, "ac": 200, "av": 3}
    assert pnp.acknowledgement(5, 0, code=203, description="default") == {
        "value": 5,
        "ac": 203,
        "av": 0,
        "ad": "default",
    }


def test_desired_properties_are_taken_apart():
    patch = {
        "interval": 5,
        "thermostat1": {"__t": "c", "target": 21.5, "mode": None},
        "settings": {"a": 1},
        "gone": None,
        "$version": 9,
    }
    expected = [
        pnp.WritableProperty(None, "interval", 5, 9),
        pnp.WritableProperty("thermostat1", "target", 21.5, 9),
        pnp.WritableProperty("thermostat1", "mode", None, 9),
        pnp.WritableProperty(None, "settings", {"a": 1}, 9),
        pnp.WritableProperty(None, "gone", None, 9),
    ]
    assert pnp.writable_properties(patch) == expected
    change = {name: value for name, value in patch.items() if name != "$version"}
    assert pnp.writable_properties(change, version=9) == expected
    assert pnp.writable_properties(azmqtt.DesiredPatch(change, 9)) == expected
    assert pnp.writable_properties(azmqtt.Twin(change, 9, {}, 1)) == expected
    known = pnp.writable_properties({"settings": {"a": 1}, "gone": None}, version=1, components={"settings", "gone"})
    assert known == [pnp.WritableProperty("settings", "a", 1, 1)]


def test_answers_to_writable_properties():
    item = pnp.WritableProperty("thermostat1", "target", 21.5, 9)
    assert item.acknowledge() == {"thermostat1": {"__t": "c", "target": {"value": 21.5, "ac": 200, "av": 9}}}
    refused = item.acknowledge(400, "too hot", value=None)
    assert refused["thermostat1"]["target"] == {"value": None, "ac": 400, "av": 9, "ad": "too hot"}
    assert pnp.WritableProperty(None, "x", 1, 2).acknowledge(202) == {"x": {"value": 1, "ac": 202, "av": 2}}


@given(
    st.dictionaries(NAMES, VALUES, max_size=4),
    st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=4), max_size=3),
    st.integers(1, 2**53),
)
def test_every_property_comes_once_and_is_answered_where_it_is(own, components, version):
    components = {f"{name}Part": properties for name, properties in components.items()}
    own = {name: value for name, value in own.items() if name not in components}
    patch = dict(own)
    for name, properties in components.items():
        patch |= pnp.component_patch(name, properties)
    items = pnp.writable_properties(patch, version=version)
    assert len(items) == len(own) + sum(map(len, components.values()))
    for item in items:
        where = components[item.component] if item.component else own
        assert where[item.name] == item.value
        answer = item.acknowledge()
        answer = answer[item.component] if item.component else answer
        assert answer[item.name] == {"value": item.value, "ac": 200, "av": version}


def test_commands():
    assert pnp.command_name("thermostat1", "getMaxMinReport") == "thermostat1*getMaxMinReport"
    assert pnp.command_name(None, "reboot") == "reboot"
    assert pnp.split_command("thermostat1*getMaxMinReport") == ("thermostat1", "getMaxMinReport")
    assert pnp.split_command("reboot") == (None, "reboot")


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: pnp.check_dtmi(5), TypeError, "dtmi must be str, not int"),
        (lambda: pnp.component_patch("a b", {}), ValueError, "component must be letters, digits"),
        (lambda: pnp.component_patch("a", []), TypeError, "properties must be Mapping, not list"),
        (lambda: pnp.component_patch(5, {}), TypeError, "component must be str, not int"),
        (lambda: pnp.acknowledgement(1, "3"), TypeError, "version must be int, not str"),
        (lambda: pnp.acknowledgement(1, version=True), TypeError, "version must be int, not bool"),
        (lambda: pnp.acknowledgement(1, 1, code="x"), TypeError, "code must be int, not str"),
        (lambda: pnp.acknowledgement(1, 1, description=5), TypeError, "description must be str, not int"),
        (lambda: pnp.WritableProperty(None, "x", 1, 1).acknowledge(valeu=5), TypeError, "not valeu"),
        (lambda: pnp.writable_properties({"a": 1}), ValueError, "version must be given"),
        (lambda: pnp.writable_properties(5, version=1), TypeError, "desired must be Mapping, not int"),
        (lambda: pnp.command_name("a*b", "c"), ValueError, "component must be letters"),
        (lambda: pnp.command_name(None, "c*d"), ValueError, "command must be letters"),
        (lambda: pnp.split_command(None), TypeError, "method must be str, not NoneType"),
        (lambda: pnp.telemetry({}, component="x_"), ValueError, "component must be letters"),
    ],
)
def test_what_is_refused(call, error, text):
    with pytest.raises(error, match=re.escape(text)):
        call()


def test_a_device_by_the_conventions(hub):
    """The hub shows the model, stamps it on telemetry, and everything carries the component's name."""
    with hub.device_client("pnp", model_id=MODEL) as client:
        client.send_message(pnp.telemetry({"temperature": 21.5}, component="thermostat1"))
        message = hub.wait_for_telemetry("pnp")[0]
        assert message.system_properties["dt-dataschema"] == MODEL
        assert message.system_properties["dt-subject"] == "thermostat1"
        assert hub.twin("pnp")["modelId"] == MODEL

        client.get_twin()  # changes count from here
        changes = client.desired_properties(timeout=10)
        version = hub.patch_desired("pnp", pnp.component_patch("thermostat1", {"target": 22}))
        for item in pnp.writable_properties(next(changes)):
            client.patch_reported_properties(item.acknowledge())
        reported = hub.twin("pnp")["properties"]["reported"]["thermostat1"]
        assert reported == {"__t": "c", "target": {"value": 22, "ac": 200, "av": version}}

        @client.on_method()
        def command(request):
            component, name = pnp.split_command(request.name)
            return {"component": component, "name": name}

        result = hub.invoke_method("pnp", pnp.command_name("thermostat1", "report"), connect_timeout=5)
        assert result.payload == {"component": "thermostat1", "name": "report"}


def test_a_device_without_a_model_shows_none(hub, client):
    client.connect()
    assert "modelId" not in hub.twin(client.device_id)
