"""Each view of the page of a local namespace in a browser, with clients that are connected."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import azmqtt
from browser import Browser, Page, spki_hash

View = Callable[[str], Page]

EVIL = "<img src=x onerror=\"document.title='taken'\">"
JSON = "'Content-Type': 'application/json'"
BEARER = "var bearer = 'Bearer ' + JSON.parse(sessionStorage.getItem('azmqtt-session')).token"
MESSAGES = "table[aria-label=Messages] tbody"
PLACES = ["Clients", "Client groups", "Topic spaces", "Permissions", "Messages", "Packets", "Events"]
PLACES += ["Refusals", "Faults"]


@pytest.fixture(scope="module")
def namespace() -> Iterator[azmqtt.LocalNamespace]:
    with azmqtt.LocalNamespace(record_packets=True) as namespace:
        for number in range(1, 4):
            namespace.create_client(f"pump-{number}", attributes={"kind": "pump", "floor": number})
        namespace.create_client("dashboard", attributes={"kind": "service"})
        namespace.create_client_group("pumps", "attributes.kind = 'pump'")
        namespace.create_client_group("services", "attributes.kind IN ['service']")
        namespace.create_topic_space("own-topics", ["pumps/${client.authenticationName}/#"])
        namespace.create_topic_space("everything", ["pumps/#", "rooms/#"])
        for name, group, space, permission in (
            ("pumps-publish", "pumps", "own-topics", "Publisher"),
            ("services-read", "services", "everything", "Subscriber"),
            ("services-write", "services", "everything", "Publisher"),
        ):
            namespace.create_permission_binding(
                name, client_group_name=group, topic_space_name=space, permission=permission
            )
        yield namespace


@pytest.fixture(scope="module")
def dashboard(namespace: azmqtt.LocalNamespace) -> Iterator[azmqtt.MqttClient]:
    """A client that is connected and subscribed."""
    with namespace.mqtt_client("dashboard") as client:
        client.subscribe("pumps/#")
        yield client


@pytest.fixture(scope="module")
def browser(namespace: azmqtt.LocalNamespace) -> Iterator[Browser]:
    with Browser(spki_hash(namespace.https_port)) as browser:
        yield browser


@pytest.fixture(scope="module")
def page(browser: Browser, namespace: azmqtt.LocalNamespace) -> Page:
    """The page, with a token."""
    page = browser.open(namespace.page_url())
    page.wait_text("Clients")
    return page


@pytest.fixture
def view(page: Page, dashboard: azmqtt.MqttClient) -> Iterator[Any]:
    """Go to a view by its address; nothing may go wrong in it but requests that the namespace refuses."""
    page.errors.clear()

    def go(address: str) -> Page:
        page.run("location.hash = '#/none'")
        page.run(f"location.hash = {json.dumps('#/' + address)}")
        page.wait("document.querySelector('.live').dataset.state === 'live'")
        return page

    yield go
    assert [error for error in page.errors if not error.startswith("Failed to load resource")] == []


def ask(page: Page, client: str, action: str, topic: str) -> str:
    """Ask whether a client may do something; return the answer's text."""
    page.fill("May client", client)
    page.fill("Action", action)
    page.fill("Topic", topic)
    page.click("form button", "Ask")
    page.wait("document.querySelector('.answer .tag') !== null")
    return page.text(".answer")


def test_a_link_opens_the_page_once(browser: Browser, namespace: azmqtt.LocalNamespace) -> None:
    url = namespace.page_url()
    page = browser.open(url)
    page.wait_text("pump-1")
    assert page.run("location.href") == url.split("#")[0]
    assert page.text(".host") == namespace.hostname
    page.send("Page.reload")
    page.wait_text("pump-1")
    other = browser.open(url)
    other.wait_text("This page needs a link")
    # It may be a hub's or a namespace's: nobody knows before there is a token.
    for command in ("azmqtt hub --open", "azmqtt namespace --open", "namespace.page_url()"):
        assert command in other.text()


def test_a_token_that_is_over_ends_the_page(browser: Browser, namespace: azmqtt.LocalNamespace) -> None:
    page = browser.open(namespace.page_url())
    page.wait_text("pump-1")
    key = "'azmqtt-session'"
    page.run(f"sessionStorage.setItem({key}, sessionStorage.getItem({key}).replace(/[0-9a-f]{{8}}/, '00000000'))")
    page.send("Page.reload")
    page.wait_text("This tab is not connected any more")
    assert "azmqtt namespace --open" in page.text()
    assert "hub" not in page.text()
    assert page.run("sessionStorage.length") == 0


def test_the_list_follows_connections(view: View, namespace: azmqtt.LocalNamespace) -> None:
    page = view("clients")
    page.wait_text("dashboard")
    page.fill("Search", "pump-2")
    page.wait("document.querySelectorAll('.virtual .list-row').length === 1")
    assert page.text(".virtual .list-row").split("\n")[:4] == ["pump-2", "Disconnected", "$all, pumps", "0"]
    with namespace.mqtt_client("pump-2") as client:
        client.connect()
        page.wait("document.querySelector('.virtual .dot.on') !== null")
    page.wait_text("disconnected at", ".virtual")
    page.wait("document.querySelector('.virtual .dot.on') === null")
    page.fill("Search", "")


def test_a_client_is_created_changed_and_deleted(view: View, namespace: azmqtt.LocalNamespace) -> None:
    page = view("clients")
    page.click("button", "New client")
    page.fill("Name", "made-here")
    page.fill("Thumbprints", "12")
    page.click("form button", "Create")
    # In the words of the service.
    page.wait_text("allowedThumbprints", ".notice.bad")
    page.fill("Thumbprints", "ab" * 32)
    page.fill("Attributes", '{"kind": "pump"}')
    page.click("form button", "Create")
    page.wait_text("made-here is created")
    assert namespace.get_client("made-here").allowed_thumbprints == ("ab" * 32,)
    view("clients/made-here")
    page.wait_text("$all, pumps", "main")
    page.wait_text("pumps/${client.authenticationName}/#", ".rights")
    page.fill("Attributes", "[]")
    page.click("form button", "Save attributes")
    page.wait_text("not an object", ".notice.bad")
    page.fill("Attributes", '{"kind": "valve", "floors": ["a", "b"]}')
    page.click("form button", "Save attributes")
    page.wait_text("Saved.", ".notice.good")
    changed = namespace.get_client("made-here")
    assert changed.attributes == {"kind": "valve", "floors": ["a", "b"]}
    assert changed.allowed_thumbprints == ("ab" * 32,)
    page.click("button", "Disable")
    page.wait_text("Disabled", ".title .warn")
    assert not namespace.get_client("made-here").enabled
    page.click("button", "Enable")
    page.wait("document.querySelector('.title .warn') === null")
    page.click("button", "Delete client")
    page.click("button", "Press again to delete")
    page.wait("location.hash === '#/clients'")
    assert "made-here" not in {client.name for client in namespace.list_clients()}


def test_a_client_shows_its_sessions(view: View) -> None:
    page = view("clients/dashboard")
    page.wait_text("pumps/#", ".session")
    page.wait_text("Connected", ".session")
    page.wait_text("connection.opened", "table[aria-label='Events of the client']")


def test_an_identity_with_a_role(view: View, namespace: azmqtt.LocalNamespace) -> None:
    identity = "11111111-2222-3333-4444-555555555555"
    namespace.assign_role(identity, "Publisher", topic_space_name="everything")
    token = azmqtt.EntraToken(lambda: namespace.entra_token(identity))
    with namespace.mqtt_client("job", authentication=token) as client:
        client.publish("pumps/role", "by a role")
        page = view(f"clients/{identity}")
        page.wait_text("Entra ID roles", "main")
        page.click("a.button", "Check a permission")
        page.wait_text("pumps-publish", ".matrix")
        answer = ask(page, identity, "publish", "pumps/role")
    assert "Role EventGrid TopicSpaces Publisher on topic space everything, by template pumps/#" in answer
    namespace.delete_client("job")


def test_a_client_group_is_created_and_deleted(view: View, namespace: azmqtt.LocalNamespace) -> None:
    page = view("groups")
    page.wait_text("attributes.kind = 'pump'")
    page.click("button", "New client group")
    page.fill("Name", "high-pumps")
    page.fill("Query", "attributes.floor >=")
    page.click("form button", "Create")
    page.wait_text("query", ".notice.bad")
    page.fill("Query", "attributes.kind = 'pump' and attributes.floor >= 2")
    page.click("form button", "Create")
    page.wait("document.querySelector('button[aria-label=\"Change high-pumps\"]') !== null")
    page.wait_text("2: pump-2, pump-3")
    page.click("button[aria-label='Change high-pumps']")
    page.fill("Query", "attributes.floor = 1")
    page.click("form button", "Save")
    page.wait_text("1: pump-1")
    assert namespace.get_client_group("high-pumps").query == "attributes.floor = 1"
    # One that is used is not deleted, and the page says why.
    page.click("button[aria-label='Change pumps']")
    page.click("form button", "Delete client group")
    page.click("form button", "Press again to delete")
    page.wait_text("pumps-publish", ".notice.bad")
    page.click("form button", "Close")
    page.click("button[aria-label='Change high-pumps']")
    page.click("form button", "Delete client group")
    page.click("form button", "Press again to delete")
    page.wait("document.querySelector('button[aria-label=\"Change high-pumps\"]') === null")
    assert "high-pumps" not in {group.name for group in namespace.list_client_groups()}


def test_a_topic_space_is_created_and_changed(view: View, namespace: azmqtt.LocalNamespace) -> None:
    page = view("spaces")
    page.wait_text("rooms/#")
    page.click("button", "New topic space")
    page.fill("Name", "lights")
    page.fill("Topic templates", "lights/#/on")
    page.click("form button", "Create")
    page.wait_text("topicTemplates[0]", ".notice.bad")
    page.fill("Topic templates", "lights/+/on\n\nlights/${client.attributes.room}/level\n")
    page.click("form button", "Create")
    page.wait("document.querySelector('button[aria-label=\"Change lights\"]') !== null")
    assert namespace.get_topic_space("lights").topic_templates == (
        "lights/+/on",
        "lights/${client.attributes.room}/level",
    )
    namespace.delete_topic_space("lights")
    page.wait("document.querySelector('button[aria-label=\"Change lights\"]') === null")


def test_the_matrix_names_the_binding_that_allows(view: View) -> None:
    page = view("permissions")
    page.wait_text("pumps-publish", ".matrix")
    answer = ask(page, "pump-1", "publish", "pumps/pump-1/speed")
    assert answer.startswith("Allowed pump-1 may publish to pumps/pump-1/speed")
    for part in ("pumps-publish", "client group pumps", "topic space own-topics"):
        assert part in answer
    assert "by template pumps/${client.authenticationName}/#" in answer
    page.wait("document.querySelectorAll('.matrix .granting').length === 1")
    assert page.text(".matrix .granting").split("\n") == ["Publisher", "pumps-publish", "allows it", "+"]
    members = "[...document.querySelectorAll('.matrix tr.member th')].map((head) => head.firstChild.textContent)"
    assert page.run(members) == ["$all", "pumps"]
    # The address asks the same again.
    page.send("Page.reload")
    page.wait("document.querySelectorAll('.matrix .granting').length === 1")
    # Another question has no answer yet.
    page.fill("Topic", "x")
    page.wait("document.querySelectorAll('.matrix .granting, .answer .tag').length === 0")


def test_the_matrix_says_why_not(view: View, namespace: azmqtt.LocalNamespace) -> None:
    page = view("permissions")
    page.wait_text("pumps-publish", ".matrix")
    answer = ask(page, "pump-1", "publish", "pumps/pump-2/speed")
    assert answer.startswith("Denied pump-1 may not publish to pumps/pump-2/speed")
    assert "No topic template matches in the topic spaces own-topics." in answer
    assert "What to do: Correct the topic, or add a template" in answer
    page.wait_text("no template matches", ".matrix th:nth-child(3)")
    assert "own-topics" in page.text(".matrix th:nth-child(3)")
    page.wait("document.querySelectorAll('.matrix .missing').length === 1")
    # Without any binding there is another reason.
    other = ask(page, "pump-1", "subscribe", "rooms/+/light")
    assert other.startswith("Denied")
    assert "Subscriber" in other
    # The binding that is missing, from here.
    page.click("button", "New permission binding for this")
    page.fill("Name", "pumps-read")
    page.fill("Topic space", "everything")
    page.click("form button", "Create")
    page.wait_text("Allowed", ".answer")
    made = namespace.get_permission_binding("pumps-read")
    assert (made.client_group_name, made.topic_space_name, made.permission) == ("pumps", "everything", "Subscriber")
    page.wait_text("pumps-read", ".matrix .granting")
    page.click(".matrix .binding.grants")
    page.click("form button", "Delete permission binding")
    page.click("form button", "Press again to delete")
    page.wait_text("Denied", ".answer")
    assert "pumps-read" not in {binding.name for binding in namespace.list_permission_bindings()}


def test_a_question_about_nobody_is_refused(view: View) -> None:
    page = view("permissions/nobody/publish/a")
    page.wait("document.querySelector('.question .notice.bad').innerText !== ''")
    assert "nobody" in page.text(".question .notice.bad")


def test_a_cell_adds_a_binding(view: View, namespace: azmqtt.LocalNamespace) -> None:
    page = view("permissions")
    page.click("button[aria-label='New permission binding for services on own-topics']")
    page.fill("Name", "services-own")
    page.click("form button", "Create")
    page.wait_text("services-own", ".matrix")
    made = namespace.get_permission_binding("services-own")
    assert (made.client_group_name, made.topic_space_name) == ("services", "own-topics")
    namespace.delete_permission_binding("services-own")


def topics(page: Page) -> list[str]:
    cells = f"[...document.querySelectorAll('{MESSAGES} tr:not([hidden]) td.topic')]"
    return sorted(set(page.run(f"{cells}.map((cell) => cell.innerText)")))


def test_messages_by_topic_filter(view: View, dashboard: azmqtt.MqttClient) -> None:
    page = view("messages")
    sent = ["rooms/a/light", "rooms/b/light", "rooms/a/light/level", "rooms", "pumps/x"]
    for number, topic in enumerate(sent):
        dashboard.publish(topic, {"value": number})
    page.wait_text("pumps/x", MESSAGES)
    for pattern, expected in (
        ("rooms/+/light", sent[:2]),
        ("rooms/#", sent[:4]),
        ("+", ["rooms"]),
        ("rooms/a/+/+", [sent[2]]),
        ("rooms/a/light", [sent[0]]),
        ("/rooms", []),
    ):
        page.fill("Topic filter", pattern)
        assert topics(page) == sorted(expected), pattern
    page.fill("Topic filter", "rooms/#/light")
    page.wait_text("# is only allowed in the last level", ".problems")
    # New ones, too, and their numbers are in the chart by topic.
    page.fill("Topic filter", "rooms/+/light")
    dashboard.publish("rooms/c/light", {"value": 1})
    dashboard.publish("rooms/c/dark", {"value": 1})
    page.wait_text("rooms/c/light", MESSAGES)
    page.wait_text("rooms/c/light", ".u-legend")
    assert "rooms/c/dark" not in topics(page)
    # A paused view shows another filter, and no new messages.
    page.click("button", "Pause")
    page.fill("Topic filter", "pumps/x")
    assert topics(page) == ["pumps/x"]
    page.click("button", "Resume")
    page.fill("Topic filter", "rooms/+/light")
    page.wait_text("rooms/c/light", MESSAGES)
    page.fill("Client", "pump")
    page.wait_text("No messages yet")
    page.fill("Client", "dash")
    page.wait_text("rooms/c/light", MESSAGES)
    page.click(f"{MESSAGES} tr")
    page.wait_text('"client": "dashboard"', ".detail")
    assert page.run("location.hash") == "#/messages/rooms%2F%2B%2Flight/dash"


def test_what_clients_send_is_text(view: View, namespace: azmqtt.LocalNamespace) -> None:
    namespace.create_client("evil", authentication_name=EVIL, attributes={"kind": "service", "markup": EVIL})
    with namespace.mqtt_client("evil", client_id=EVIL) as client:
        client.subscribe(f"rooms/{EVIL}")
        client.publish(f"rooms/{EVIL}", EVIL)
        with contextlib.suppress(azmqtt.Error):
            client.publish(f"forbidden/{EVIL}", EVIL)
        name = "%3Cimg%20src%3Dx%20onerror%3D%22document.title%3D'taken'%22%3E"
        for address, within in (
            ("messages", MESSAGES),
            ("clients", ".virtual"),
            (f"clients/{name}", ".session"),
            ("groups", "main"),
            ("packets", "tbody"),
            ("events", "tbody"),
            (f"permissions/{name}/publish/rooms%2F{name}", ".answer"),
        ):
            page = view(address)
            page.wait(f"document.querySelector({json.dumps(within)}).innerText.includes('onerror')")
            assert page.run("document.querySelectorAll('main img').length") == 0, address
            assert page.run("document.title") != "taken", address
    namespace.delete_client("evil")


def test_a_refused_packet_leads_to_the_reason(view: View, namespace: azmqtt.LocalNamespace) -> None:
    with namespace.mqtt_client("pump-3", client_id="session-3") as client, contextlib.suppress(azmqtt.PublishRefused):
        client.publish("rooms/a", "no")
    with namespace.mqtt_client("pump-3", client_id="session-3") as client:
        # At QoS 0 the connection ends, and the namespace says why.
        client.publish("rooms/b", "no", qos=0)
        page = view("packets/session-3")
        for packet, topic in (("PUBACK", "rooms/a"), ("DISCONNECT", "rooms/b")):
            page.run("location.hash = '#/packets/session-3'")
            page.wait_text("0x87 not authorized", "tbody")
            rows = "[...document.querySelectorAll('tbody tr')]"
            row = f"{rows}.find((row) => /{packet}.*\\s.*not auth/.test(row.innerText))"
            page.wait(f"{row} !== undefined")
            page.run(f"{row}.click()")
            page.click("button", "Why? Ask the permissions")
            page.wait_text(f"pump-3 may not publish to {topic}", ".answer")


def test_a_refusal_says_why(view: View, namespace: azmqtt.LocalNamespace) -> None:
    with namespace.mqtt_client("pump-1", username="pump-9") as client, contextlib.suppress(azmqtt.Error):
        client.connect()
    page = view("refusals")
    page.wait_text("connection.refused", "tbody")
    page.wait_text("pump-9", "tbody")
    with namespace.mqtt_client("pump-1") as client, contextlib.suppress(azmqtt.SubscribeRefused):
        client.subscribe("rooms/+/light")
    page.wait_text("subscribe.refused", "tbody")
    page.click("tbody tr")
    page.click("button", "Why? Ask the permissions")
    page.wait_text("pump-1 may not subscribe to rooms/+/light", ".answer")


def test_faults_are_switched_on_and_off(view: View, namespace: azmqtt.LocalNamespace) -> None:
    page = view("faults")
    page.fill("For client id", "pump-2")
    for number in range(page.run("document.querySelectorAll('.switch').length")):
        switch = f"#switch-{number}"
        page.click(switch)
        page.wait("document.querySelector('.plain-list .list-row:not(.over)') !== null")
        assert page.run(f"document.querySelector('{switch}').checked")
        assert [fault.rule["client_id"] for fault in namespace.faults() if not fault.over] == ["pump-2"]
        page.click(switch)
        page.wait("document.querySelector('.plain-list .list-row:not(.over)') === null")
        assert not page.run(f"document.querySelector('{switch}').checked")
    assert all(fault.over for fault in namespace.faults())


def test_every_fault_of_the_form_exists(view: View, namespace: azmqtt.LocalNamespace) -> None:
    """Every moment of every fault that the form offers is one that the namespace knows."""
    page = view("faults")
    page.wait_text("Set a fault")
    offered = page.run(
        "[...document.querySelectorAll('label')].filter((label) => ['Fault', 'On'].includes(label.innerText))"
        ".map((label) => document.getElementById(label.htmlFor))"
        ".reduce((fault, on) => [...fault.options].flatMap(({value}) => { fault.value = value;"
        "fault.dispatchEvent(new Event('change')); return [...on.options].map((one) => [value, one.value]) }))"
    )
    assert len(offered) > 50
    for fault, moment in offered:
        rule = {"fault": fault, "on": moment, "after": 3600.0}
        if fault == "delay":
            rule["seconds"] = 1
        if moment != "now":
            options = (
                f"{{method: 'POST', body: {json.dumps(json.dumps(rule))}, headers: {{Authorization: bearer, {JSON}}}}}"
            )
            told = page.run(f"{BEARER}; fetch('/azmqtt/faults', {options}).then((answer) => answer.text())")
            assert "error" not in json.loads(told), (fault, moment, told)
    namespace.clear_faults()


COUNT = "function () { return this.filter((each) => each.kind === 'messages').length }"


def kept(page: Page, count: str = COUNT) -> int:
    """How many messages are in the page's memory, wherever."""
    prototype = page.send("Runtime.evaluate", expression="Object.prototype")["result"]["objectId"]
    objects = page.send("Runtime.queryObjects", prototypeObjectId=prototype)["objects"]["objectId"]
    got = page.send("Runtime.callFunctionOn", objectId=objects, functionDeclaration=count, returnByValue=True)
    page.send("Runtime.releaseObject", objectId=objects)
    return got["result"]["value"]


def test_twenty_thousand_messages_do_not_fill_the_page(view: View, dashboard: azmqtt.MqttClient) -> None:
    page = view("messages")
    page.fill("Topic filter", "pumps/many/#")

    def publish(numbers: range) -> None:
        for number in numbers:
            dashboard.publish(f"pumps/many/{number % 50}", {"number": number}, qos=0)
        dashboard.publish("pumps/many/last", {"number": numbers.stop}, qos=1)
        page.wait_text(f'{{"number":{numbers.stop}}}', MESSAGES)

    publish(range(500))
    nodes = page.run("document.querySelectorAll('*').length")
    publish(range(500, 20_000))
    assert page.run("document.querySelectorAll('*').length") <= nodes
    # What came faster than the page shows is counted.
    counts = re.findall(r"([\d,]+) (?:received|not shown)", page.text())
    assert sum(int(number.replace(",", "")) for number in counts) >= 20_002
    # Twice the newest 2,000, the view's own newest, and what the chart waits for.
    assert 2000 <= kept(page) < 4500


def test_large_messages_do_not_fill_the_page(view: View, dashboard: azmqtt.MqttClient) -> None:
    page = view("messages")
    for number in range(90):
        dashboard.publish("pumps/large", f"{number} " + "x" * 500_000, qos=1)
    page.wait_text("89 xxx", MESSAGES)
    # 45 million characters came; half of the bound is kept, and what came since.
    large = COUNT.replace("=== 'messages'", "=== 'messages' && each.topic === 'pumps/large'")
    assert 20 < kept(page, large) < 70


def test_what_the_namespace_does_not_record_is_not_asked_for() -> None:
    with azmqtt.LocalNamespace(record=False) as namespace, Browser(spki_hash(namespace.https_port)) as browser:
        page = browser.open(namespace.page_url())
        page.wait("document.querySelector('.live').dataset.state === 'live'")
        page.run("location.hash = '#/messages'")
        page.wait_text("This namespace does not record messages.")
        page.run("location.hash = '#/packets'")
        page.wait_text("This namespace does not record packets.")
        assert page.errors == []


def test_the_keyboard_reaches_everything(view: View) -> None:
    page = view("permissions")
    page.send("Page.reload")
    page.wait_text("pumps-publish", ".matrix")
    reached = []
    for _ in range(30):
        page.press("Tab")
        reached.append(page.run("document.activeElement.innerText || document.activeElement.tagName"))
    assert reached[:11] == ["Skip to content", "azmqtt", *PLACES]
    for wanted in ("New permission binding", "Ask", "Publisher\npumps-publish", "+"):
        assert wanted in reached


def test_nothing_is_wider_than_a_small_screen(view: View) -> None:
    page = view("clients")
    page.resize(400, 800)
    places = [
        "clients",
        "clients/pump-1",
        "groups",
        "spaces",
        "permissions/pump-1/publish/pumps%2Fpump-1%2Fa",
        "messages",
        "packets",
        "events",
        "refusals",
        "faults",
    ]
    try:
        for address in places:
            view(address)
            page.wait("!/undefined|\\[object/.test(document.body.innerText)")
            assert page.run("document.documentElement.scrollWidth") <= 400, address
    finally:
        page.resize(1400, 1000)
