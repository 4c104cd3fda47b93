"""A stranger's web page that tries to drive the hub, in a browser where the hub's own page is open."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

import azmqtt
from browser import Browser, Page

FAULTS = "/azmqtt/faults?api-version=2021-04-12"
RULE = json.dumps({"fault": "drop", "on": "connect"})


class Handler(BaseHTTPRequestHandler):
    """The stranger's server: an empty page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>stranger</title><body>")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module", params=["stranger.example", "localhost"])
def stranger(request: pytest.FixtureRequest, browser: Browser, page: Page) -> Iterator[Page]:
    """A page of another site, and one of another port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield browser.open(f"http://{request.param}:{server.server_port}/")
    server.shutdown()
    server.server_close()


def unchanged(hub: azmqtt.LocalHub) -> bool:
    return hub.faults() == [] and "stolen" not in {device.device_id for device in hub.devices()}


def test_requests_have_no_effect(stranger: Page, hub: azmqtt.LocalHub) -> None:
    base = f"https://localhost:{hub.service_port}"
    post = {"method": "POST", "mode": "no-cors", "body": RULE}
    tries = [
        (FAULTS, post),
        (FAULTS, {**post, "credentials": "include"}),
        ("/azmqtt/page/links", post),
        ("/devices/stolen?api-version=2021-04-12", {"method": "PUT", "body": "{}"}),
    ]
    for path, options in tries:
        told = stranger.run(
            f"fetch({json.dumps(base + path)}, {json.dumps(options)})"
            ".then((answer) => `${answer.type} ${answer.status}`, (error) => 'refused')"
        )
        # The answer of `no-cors` is opaque: nobody can read it.
        assert told in {"opaque 0", "refused"}, path
    for path in ("/", "/azmqtt/page/session", "/devices?api-version=2021-04-12"):
        told = stranger.run(f"fetch({json.dumps(base + path)}).then(() => 'read', () => 'refused')")
        assert told == "refused", path
    assert unchanged(hub)


def test_a_link_s_code_cannot_be_used_by_others(stranger: Page, hub: azmqtt.LocalHub, browser: Browser) -> None:
    url = hub.page_url()
    body = json.dumps({"code": url.split("=")[1]})
    target = f"https://localhost:{hub.service_port}/azmqtt/page/session"
    options = {"method": "POST", "mode": "no-cors", "body": body}
    stranger.run(f"fetch({json.dumps(target)}, {json.dumps(options)}).catch(() => 0)")
    # It is still good for the page itself.
    browser.open(url).wait_text("sensor-0001")


def test_forms_have_no_effect(stranger: Page, hub: azmqtt.LocalHub) -> None:
    target = f"https://localhost:{hub.service_port}{FAULTS}"
    here = stranger.run("location.href")
    # As text, a form can send JSON: the name begins it, the value ends it.
    form = {"method": "post", "enctype": "text/plain", "action": target}
    field = {"name": RULE[:-1] + ', "x": "', "value": '"}'}
    stranger.run(
        "(() => {"
        f"const form = Object.assign(document.createElement('form'), {json.dumps(form)});"
        f"form.append(Object.assign(document.createElement('input'), {json.dumps(field)}));"
        "document.body.append(form); form.submit(); })()"
    )
    stranger.wait(f"location.href === {json.dumps(target)} && document.readyState === 'complete'")
    stranger.go(here)
    assert unchanged(hub)


def test_the_page_is_in_no_frame(stranger: Page, hub: azmqtt.LocalHub) -> None:
    base = json.dumps(f"https://localhost:{hub.service_port}/")
    stranger.run(
        f"new Promise((done) => {{ const frame = document.createElement('iframe'); frame.onload = done;"
        f"frame.src = {base}; document.body.append(frame) }})"
    )
    assert any("frame-ancestors" in error for error in stranger.errors) or stranger.run(
        "document.querySelector('iframe').contentDocument === null"
    )


def test_websockets_of_another_site_are_refused(stranger: Page, hub: azmqtt.LocalHub) -> None:
    url = f"wss://localhost:{hub.service_port}/$iothub/websocket"
    told = stranger.run(
        f"new Promise((done) => {{ const socket = new WebSocket({json.dumps(url)}, 'mqtt');"
        "socket.onopen = () => { done('open'); socket.close() }; socket.onerror = () => done('refused') })"
    )
    # Pages of this machine may connect as devices, with a device's key: development servers do.
    assert told == ("open" if "localhost" in stranger.run("location.hostname") else "refused")


def test_a_name_that_leads_here_is_not_the_hub_s(stranger: Page, browser: Browser, hub: azmqtt.LocalHub) -> None:
    rebound = f"https://rebound.example:{hub.service_port}"
    page = browser.open(f"{rebound}/")
    page.wait_text("the Host header does not name this service")
    code = hub.page_url().split("=")[1]
    body = json.dumps(json.dumps({"code": code}))
    told = page.run(f"fetch('/azmqtt/page/session', {{method: 'POST', body: {body}}}).then((answer) => answer.status)")
    assert told == 401
