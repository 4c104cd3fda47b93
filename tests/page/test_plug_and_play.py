"""A device by its model: the view Plug and Play, against a device that keeps to the conventions by ``azmqtt.pnp``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import azmqtt
from azmqtt import pnp
from browser import Page
from thermostat_model import CONTROLLER, CONTROLLER_FILE, HOSTILE, SENSOR, SENSOR_FILE, THERMOSTAT, THERMOSTAT_FILE

View = Callable[[str], Page]


@pytest.fixture(scope="module")
def controller(hub: azmqtt.LocalHub) -> Iterator[azmqtt.DeviceClient]:
    with hub.device_client("controller", model_id=CONTROLLER) as client:

        @client.on_method(pnp.command_name("thermostat1", "getMaxMinReport"))
        def report(request: azmqtt.MethodRequest) -> Any:
            return {"maxTemp": 38.7, "since": request.payload}

        @client.on_method("reboot")
        def reboot(request: azmqtt.MethodRequest) -> Any:
            return 202, {"delay": request.payload}

        @client.on_desired_properties
        def apply(change: azmqtt.DesiredPatch) -> None:
            for item in pnp.writable_properties(change):
                if item.name == "targetTemperature" and item.value is not None and item.value > 60:
                    client.patch_reported_properties(item.acknowledge(400, "too hot", value=60))
                else:
                    client.patch_reported_properties(item.acknowledge())

        client.connect()
        client.patch_reported_properties({"serialNumber": "X1"})
        client.patch_reported_properties(pnp.component_patch("thermostat1", {"maxTemp": 38.7}))
        client.patch_reported_properties({"thermostat2": {"maxTemp": "warm"}})
        yield client


def choose(page: Page, **files: object) -> None:
    """Choose model files, by names without ``.json``; text is written as it is."""
    contents = {f"{name}.json": one if isinstance(one, str) else json.dumps(one) for name, one in files.items()}
    page.run(
        f"""(() => {{
          const transfer = new DataTransfer();
          const contents = Object.entries({json.dumps(contents)});
          contents.forEach(([name, content]) => transfer.items.add(new File([content], name)));
          const input = document.querySelector('input[type=file]');
          input.files = transfer.files;
          input.dispatchEvent(new Event('change'));
        }})()"""
    )


@pytest.fixture
def model(view: View, controller: azmqtt.DeviceClient) -> Iterator[Page]:
    """The view, with both files."""
    page = view("devices/controller/model")
    page.wait_text(CONTROLLER)
    choose(page, controller=CONTROLLER_FILE, thermostat=[THERMOSTAT_FILE, SENSOR_FILE])
    page.wait_text("3 interfaces are loaded")
    yield page
    page.click("button", "Forget")
    page.wait_text(f"{CONTROLLER} for the model that the device announced")


def rows(page: Page, label: str) -> list[str]:
    """The rows of a table as text."""
    found = f"document.querySelectorAll('table[aria-label=\"{label}\"] tbody tr:not([hidden])')"
    return list(page.run(f"[...{found}].map((row) => [...row.cells].map((cell) => cell.innerText).join('|'))"))


def item(page: Page, name: str, expression: str) -> Any:
    """Evaluate an expression about ``item``, the part of the page about a writable property or command."""
    named = f"one.querySelector('header').innerText.includes({json.dumps(name)})"
    found = f"[...document.querySelectorAll('.model-item')].find((one) => {named})"
    return page.run(f"((item) => {expression})({found})")


def test_missing_interfaces_are_named(view: View, controller: azmqtt.DeviceClient) -> None:
    page = view("devices/controller/model")
    page.wait_text(f"The device has announced {CONTROLLER}")
    page.wait_text("often in dtmi/com/example/temperaturecontroller-2.json")
    choose(page, controller=CONTROLLER_FILE, thermostat=THERMOSTAT_FILE)
    page.wait_text(f"{SENSOR} for the base of {THERMOSTAT}; often in dtmi/com/example/sensor-1.json")
    page.click("button", "Forget")
    choose(page, both=[CONTROLLER_FILE])
    page.wait_text(f"{THERMOSTAT} for the component thermostat1, the component thermostat2")
    assert page.run("document.querySelectorAll('.missing li').length") == 1
    # What is there is shown, and kept over a reload of this tab.
    page.send("Page.reload")
    page.wait_text("1 interface is loaded")
    page.wait_text("Temperature Controller")
    page.click("button", "Forget")
    page.wait("!document.body.innerText.includes('Temperature Controller')")
    assert page.run("sessionStorage.getItem('azmqtt-models')") == "[]"


def test_a_device_without_a_model(view: View, device: azmqtt.DeviceClient) -> None:
    page = view("devices/thermostat/model")
    page.wait_text("The device has not announced a model")


def test_read_only_properties(model: Page) -> None:
    assert rows(model, "Read-only properties") == [f'serialNumber|{HOSTILE}|"X1"||string|fits']
    model.click(".components button", "thermostat1")
    assert rows(model, "Read-only properties") == ["maxTemp|Highest temperature|38.7|degreeCelsius|double|fits"]
    assert 'without "__t"' not in model.text()
    model.click(".components button", "thermostat2")
    [row] = rows(model, "Read-only properties")
    assert row.endswith('double|does not fit: must be a double such as 21.5, not "warm"')
    model.wait_text('reports thermostat2 without "__t": "c"')


def test_a_display_name_is_text(model: Page) -> None:
    model.wait_text("onerror", "tbody")
    assert model.run("document.querySelectorAll('main img, main b').length") == 0
    assert model.run("document.title") != "taken"


def test_a_writable_property_is_written_and_acknowledged(model: Page, hub: azmqtt.LocalHub) -> None:
    model.click(".components button", "thermostat1")
    label = "Desired value of targetTemperature"
    model.fill(label, "warm")
    model.wait_text('must be a double such as 21.5, not "warm"', ".model-item .problems")
    model.run("document.querySelector('.model-item form').requestSubmit()")
    assert "thermostat1" not in hub.twin("controller")["properties"]["desired"]
    model.fill(label, "70")
    model.click(".model-item button", "Write")
    model.wait_text("acknowledged: 400", ".model-item header")
    desired = hub.twin("controller")["properties"]["desired"]
    assert desired["thermostat1"] == {"__t": "c", "targetTemperature": 70}
    version = desired["$version"]
    facts = item(model, "targetTemperature", "item.querySelector('dl').innerText.split('\\n').filter((line) => line)")
    reported, wished, answered = facts[1::2]
    assert facts[::2] == ["Reported", "Desired", "Acknowledged"]
    assert reported == "60"
    assert wished == f"70, version {version}"
    assert answered == f"400, version {version}: too hot"
    model.fill(label, "21")
    model.click(".model-item button", "Write")
    model.wait_text("acknowledged: 200", ".model-item header")
    model.click(".model-item button", "Remove")
    model.wait_text("Removed.", ".model-item")
    model.wait("document.querySelector('.model-item dl').innerText.includes('Desired\\n\u2013')")
    assert hub.twin("controller")["properties"]["desired"]["thermostat1"] == {"__t": "c"}


def test_a_value_waits_for_a_device_that_is_away(
    view: View, model: Page, hub: azmqtt.LocalHub, controller: azmqtt.DeviceClient
) -> None:
    controller.disconnect()
    model.fill("Desired value of mode", "1")
    item(model, "mode", "item.querySelector('form').requestSubmit()")
    model.wait_text("waits for the device", ".model-item header")
    assert hub.twin("controller")["properties"]["desired"]["mode"] == 1
    assert "1 (Saving)" in item(model, "mode", "item.innerText")
    controller.connect()
    controller.patch_reported_properties(pnp.writable_properties(controller.get_twin())[0].acknowledge())
    model.wait_text("acknowledged: 200", ".model-item header")


def test_an_object_is_written_as_a_whole(model: Page, hub: azmqtt.LocalHub) -> None:
    hub.patch_desired("controller", {"schedule": {"from": "06:00:00Z", "old": True, "limits": {"a": 1, "b": 2}}})
    model.wait("document.querySelector('main').innerText.includes('old: the model has no such field')")
    model.fill("from", "25:00")
    model.fill("days", '["Mon", 2]')
    model.fill("limits", '{"a": 1.5}')
    problems = item(model, "schedule", "[...item.querySelectorAll('.problems li')].map((one) => one.innerText)")
    assert problems == [
        'from: must be a time such as "10:18:09Z", not "25:00"',
        'days[1]: must be a string such as "text", not 2',
        "limits.a: must be an integer such as 1, not 1.5",
    ]
    model.fill("limits", "{")
    assert "limits: not JSON" in item(model, "schedule", "item.querySelector('.problems').innerText")
    model.fill("from", "07:00:00Z")
    model.fill("Target temperature", "19.5")
    model.fill("days", '["Mon"]')
    model.fill("limits", '{"a": 3}')
    item(model, "schedule", "item.querySelector('form').requestSubmit()")
    model.wait_text("Written.", "main")
    wanted = {"from": "07:00:00Z", "target": 19.5, "days": ["Mon"], "limits": {"a": 3}}
    assert hub.twin("controller")["properties"]["desired"]["schedule"] == wanted


def test_commands_are_called_by_their_schemas(model: Page) -> None:
    model.click("summary", "Interface")
    model.wait_text('"displayName": "Temperature Controller"', "details pre")
    model.fill("delay", "soon")
    item(model, "reboot", "item.querySelector('form').requestSubmit()")
    model.wait_text('must be a duration such as "PT1H30M", not "soon"')
    model.fill("delay", "PT5S")
    item(model, "reboot", "item.querySelector('form').requestSubmit()")
    model.wait_text('"delay": "PT5S"', ".result")
    assert model.text(".result .tag") == "202"
    model.fill("start", "9007199254740993")
    model.wait_text("start: this page cannot send an integer beyond 2^53 exactly")
    model.click(".components button", "thermostat1")
    model.fill("Since", "2026-01-01T00:00:00Z")
    item(model, "Report", "item.querySelector('form').requestSubmit()")
    model.wait_text('"maxTemp": 38.7', ".result")
    assert model.text(".result .tag") == "200"
    assert "ms" in model.text(".result p")
    # Nobody answers for the other thermostat.
    model.click(".components button", "thermostat2")
    model.fill("Since", "2026-01-01T00:00:00Z")
    item(model, "Report", "item.querySelector('form').requestSubmit()")
    model.wait("document.querySelector('.result .tag')?.innerText === '404'")


def test_telemetry_of_components(model: Page, controller: azmqtt.DeviceClient) -> None:
    controller.send_message(pnp.telemetry({"workingSet": 1024}))
    controller.send_message(pnp.telemetry({"temperature": 21.5, "secret": 1}, component="thermostat1"))
    controller.send_message(pnp.telemetry({"temperature": "cold"}, component="thermostat2"))
    controller.send_message(pnp.telemetry({"temperature": 1}, component="thermostat3"))
    model.wait_text("components that the model does not have: thermostat3")
    model.wait_text("1024", "table[aria-label='Telemetry of the model']")
    [row] = rows(model, "Telemetry of the model")
    assert row.startswith("workingSet||1024|kibibyte|integer|")
    assert row.endswith("|fits")
    model.click(".components button", "thermostat1")
    known, strange = rows(model, "Telemetry of the model")
    assert known.startswith("temperature|Temperature|21.5|degreeCelsius|double|")
    assert strange.endswith("|not in the model")
    # As it comes.
    controller.send_message(pnp.telemetry({"temperature": 22.5}, component="thermostat1"))
    model.wait_text("22.5", "table[aria-label='Telemetry of the model']")
    model.click(".components button", "thermostat2")
    assert rows(model, "Telemetry of the model")[0].endswith('does not fit: must be a double such as 21.5, not "cold"')


def test_broken_model_files(model: Page) -> None:
    wide = {**THERMOSTAT_FILE, "@id": "dtmi:com:example:Wide;1", "extends": ["dtmi:com:example:Wide;1"] * 100}
    odd = {
        **CONTROLLER_FILE,
        "extends": wide["@id"],
        "contents": [
            7,
            {"name": "constructor", "@type": "Property", "schema": "string"},
            {"name": "no-name", "@type": "Property", "schema": "string"},
            {"name": "thing", "@type": "Thing"},
            {"name": "deep", "@type": "Telemetry", "schema": deep(9)},
            {"name": "none", "@type": "Telemetry"},
            {"name": "part", "@type": "Component", "schema": 5},
        ],
    }
    choose(
        model,
        a="{",
        b=[{"@type": "Interface"}, 3],
        c="[" * 100_000 + "]" * 100_000,
        d="null",
        e="x" * ((1 << 20) + 1),
        f=[odd, wide],
    )
    for problem in (
        "a.json: not JSON",
        'b.json: element 1: "@id" must be like dtmi:com:example:Thermostat;1',
        "b.json: element 2: not an interface of DTDL",
        "d.json: has no interface",
        "c.json: more than 64 levels deep",
        "e.json: larger than 1 MiB",
        f"{CONTROLLER}: null is not a name",
        f'{CONTROLLER}: "no-name" is not a name',
        'thing: "@type" "Thing" is not known',
        "deep: its schema has more than 5 levels",
        "none: has no schema",
        "the component part: 5 is not the id of an interface",
        "dtmi:com:example:Wide;1: extends more than 10 levels, or itself",
    ):
        model.wait_text(problem, ".problems")
    # What can be read is shown.
    assert rows(model, "Read-only properties")[0] == "constructor||\u2013||string|"


def deep(levels: int) -> object:
    return "string" if levels == 0 else {"@type": "Array", "elementSchema": deep(levels - 1)}


def test_the_model_on_a_small_screen(model: Page) -> None:
    model.resize(400, 800)
    try:
        for component in ("Default component", "thermostat1"):
            model.click(".components button", component)
            assert model.run("document.documentElement.scrollWidth") <= 400
    finally:
        model.resize(1400, 1000)


def test_a_module_has_a_model(view: View, hub: azmqtt.LocalHub, controller: azmqtt.DeviceClient) -> None:
    with hub.device_client("controller", module_id="sensor", model_id=THERMOSTAT) as module:
        page = view("devices/controller/modules/sensor/model")
        page.wait_text("has not announced a model")
        module.connect()
        # The view follows the connection.
        page.wait_text(f"The device has announced {THERMOSTAT}")
