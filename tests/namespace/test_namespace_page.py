"""The page of a local namespace: its link and its token."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request

import pytest

import azmqtt


def redeem(namespace: azmqtt.LocalNamespace, url: str) -> dict:
    """Do what the page does with a link."""
    origin, code = url.split("/#open=")
    return ask(namespace, "POST", f"{origin}/azmqtt/page/session", body={"code": code})


def ask(
    namespace: azmqtt.LocalNamespace, method: str, url: str, *, token: str = "", body: object = None, origin: str = ""
) -> dict:
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if origin:
        headers["Origin"] = origin
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - https
    context = ssl.create_default_context(cafile=namespace.ca_file)
    with urllib.request.urlopen(request, context=context) as answer:  # noqa: S310 - https
        return json.load(answer)


def spaces(namespace: azmqtt.LocalNamespace) -> list[str]:
    url = f"{namespace.management_url}{namespace.resource_id}/topicSpaces?api-version=2025-02-15"
    return [space["name"] for space in ask(namespace, "GET", url, token=namespace.token)["value"]]


def test_a_link_becomes_a_token_for_the_management_api() -> None:
    with azmqtt.LocalNamespace() as namespace:
        url = namespace.page_url()
        origin = f"https://localhost:{namespace.https_port}"
        assert url.startswith(f"{origin}/#open=")
        session = redeem(namespace, url)
        assert set(session) == {"token", "kind", "hostname", "resource_id", "records"}
        assert (session["kind"], session["resource_id"]) == ("namespace", namespace.resource_id)
        with pytest.raises(urllib.error.HTTPError, match="401"):
            redeem(namespace, url)
        token = session["token"]
        space = f"{origin}{namespace.resource_id}/topicSpaces/space?api-version=2025-02-15"
        body = {"properties": {"topicTemplates": ["a/#"]}}
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(namespace, "PUT", space, token=token, body=body, origin="https://evil.example")
        assert spaces(namespace) == []
        ask(namespace, "PUT", space, token=token, body=body, origin=origin)
        assert spaces(namespace) == ["space"]
        assert token not in str(namespace.last_refusal)


def test_a_stopped_namespace_gives_no_link() -> None:
    with azmqtt.LocalNamespace() as namespace:
        assert namespace.page_url() != namespace.page_url()
    with pytest.raises(RuntimeError, match="stopped"):
        namespace.page_url()
