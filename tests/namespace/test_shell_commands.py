"""``azmqtt namespace client …`` and the other commands of ``az eventgrid namespace``, over a namespace that runs."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

import azmqtt
from azmqtt._cli import main
from azmqtt._cli.namespace_find import environment
from azmqtt._cli.namespace_rest import ManagementApi

#: Its exit code, what it printed, and what it complained of.
Done = tuple[int, Any, str]
Command = Callable[..., Done]

ID = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/azmqtt/providers/Microsoft.EventGrid"
PAGE = Path(__file__).parents[2] / "docs" / "local-namespace.md"
WHERE = ("-g", "azmqtt", "--namespace-name", "azmqtt")


@pytest.fixture(scope="module")
def namespace() -> Iterator[azmqtt.LocalNamespace]:
    with azmqtt.LocalNamespace() as namespace:
        yield namespace


def point_at(namespace: azmqtt.LocalNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have commands find this namespace by the environment."""
    names = ("management_url", "resource_id", "ca_file", "token")
    ready = {name: getattr(namespace, name) for name in names}
    for name, value in environment(ready).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def command(
    namespace: azmqtt.LocalNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """Runs a command against the namespace, which is empty again afterwards."""
    point_at(namespace, monkeypatch)

    def run(*arguments: str) -> Done:
        code = main.main(["namespace", *arguments])
        out, err = capsys.readouterr()
        assert namespace.token not in out + err
        return code, json.loads(out) if out else None, err

    yield run
    for binding in namespace.list_permission_bindings():
        namespace.delete_permission_binding(binding.name)
    for kind in ("client", "client_group", "topic_space", "ca_certificate"):
        for each in getattr(namespace, f"list_{kind}s")():
            getattr(namespace, f"delete_{kind}")(each.name)


def ok(done: Done) -> Any:
    code, out, err = done
    assert (code, err) == (0, "")
    return out


def test_a_client(namespace: azmqtt.LocalNamespace, command: Command):
    thumbprint = "5f" * 32
    rule = f"{{validation-scheme:ThumbprintMatch,allowed-thumbprints:[{thumbprint}]}}"
    made = ok(
        command(
            *("client", "create", *WHERE, "-n", "pump-1", "--authentication-name", "pump-1-name"),
            *("--client-certificate-authentication", rule, "--attributes", "{'room':'345','floor':5,kinds:[a,b]}"),
            *("--description", "the first", "--no-wait"),
        )
    )
    assert {name: value for name, value in made.items() if name != "systemData"} == {
        "attributes": {"room": "345", "floor": 5, "kinds": ["a", "b"]},
        "authenticationName": "pump-1-name",
        "clientCertificateAuthentication": {
            "validationScheme": "ThumbprintMatch",
            "allowedThumbprints": [thumbprint],
        },
        "description": "the first",
        "id": f"{ID}/namespaces/azmqtt/clients/pump-1",
        "name": "pump-1",
        "provisioningState": "Succeeded",
        "resourceGroup": "azmqtt",
        "state": "Enabled",
        "type": "Microsoft.EventGrid/namespaces/clients",
    }
    updated = ok(command("client", "update", "--client-name", "pump-1", "--state", "disabled"))
    assert (updated["state"], updated["attributes"]["floor"], updated["description"]) == ("Disabled", 5, "the first")
    assert not namespace.get_client("pump-1").enabled
    updated = ok(command("client", "update", "-n", "pump-1", "--attributes", "kind=pump", "floor=6"))
    assert updated["attributes"] == {"room": "345", "kinds": ["a", "b"], "kind": "pump", "floor": 6}
    updated = ok(command("client", "update", "-n", "pump-1", "--attributes", "kinds=null", "room=7"))
    assert updated["attributes"] == {"kind": "pump", "floor": 6, "room": 7}
    updated = ok(command("client", "update", "-n", "pump-1", "--attributes", "{kind:valve}"))
    assert updated["attributes"] == {"kind": "valve"}
    assert ok(command("client", "update", "-n", "pump-1", "--attributes", "null"))["attributes"] == {}
    other = f"allowed-thumbprints=[{'77' * 32}]"
    updated = ok(command("client", "update", "-n", "pump-1", "--client-certificate-authentication", other))
    assert updated["clientCertificateAuthentication"]["validationScheme"] == "ThumbprintMatch"
    assert namespace.get_client("pump-1").allowed_thumbprints == ("77" * 32,)
    assert ok(command("client", "show", "--name", "pump-1"))["authenticationName"] == "pump-1-name"
    assert ok(command("client", "delete", "-n", "pump-1", "--yes")) is None
    assert ok(command("client", "delete", "-n", "pump-1")) is None
    assert command("client", "show", "-n", "pump-1")[0] == 1
    subject = {"validationScheme": "SubjectMatchesAuthenticationName"}
    plain = ok(command("client", "create", "-n", "pump-2", "--client-certificate-authentication", json.dumps(subject)))
    assert plain["clientCertificateAuthentication"] == subject


def test_the_story_of_the_portal(namespace: azmqtt.LocalNamespace, command: Command):
    ok(command("topic-space", "create", *WHERE, "-n", "ContosoTopicSpace", "--topic-templates", "contosotopics/topic1"))
    binding = ("--client-group-name", "$all", "--topic-space-name", "ContosoTopicSpace")
    for permission in ("publisher", "Subscriber"):
        name = f"contoso{permission.lower()}binding"
        made = ok(command("permission-binding", "create", "-n", name, *binding, "--permission", permission))
        assert made["permission"] == permission.capitalize()
    with namespace.mqtt_client("client1") as one, namespace.mqtt_client("client2") as two:
        messages = two.messages(timeout=20)
        two.subscribe("contosotopics/topic1")
        one.publish("contosotopics/topic1", b"hello")
        assert next(messages).payload == b"hello"
        ok(command("permission-binding", "delete", "--permission-binding-name", "contosopublisherbinding", "-y"))
        with pytest.raises(azmqtt.PublishRefused):
            one.publish("contosotopics/topic1", b"hello")
    listed = ok(command("permission-binding", "list", *WHERE))
    assert [each["name"] for each in listed] == ["contososubscriberbinding"]
    code, _, err = command("topic-space", "delete", "-n", "ContosoTopicSpace")
    assert code == 1
    assert "409 Conflict" in err


def test_a_client_group(namespace: azmqtt.LocalNamespace, command: Command):
    made = ok(command("client-group", "create", "-n", "pumps", "--group-query", "attributes.kind = 'pump'"))
    assert made["query"] == "attributes.kind = 'pump'"
    ok(command("client-group", "update", "--client-group-name", "pumps", "--group-query", "attributes.floor > 3"))
    ok(command("client-group", "update", "-n", "pumps", "--description", "high up"))
    assert namespace.get_client_group("pumps") == azmqtt.ClientGroup("pumps", "attributes.floor > 3", "high up")
    assert ok(command("client-group", "show", "-n", "pumps"))["description"] == "high up"
    assert [each["name"] for each in ok(command("client-group", "list"))] == ["$all", "pumps"]
    ok(command("client-group", "delete", "-n", "pumps"))
    assert namespace.list_client_groups() == []


def test_a_topic_space_in_every_spelling(namespace: azmqtt.LocalNamespace, command: Command, tmp_path: Path):
    file = tmp_path / "templates.json"
    file.write_text('["c/#", "d"]')
    for given, expected in [
        (["a/#"], ("a/#",)),
        (["a/#", "b/${client.authenticationName}"], ("a/#", "b/${client.authenticationName}")),
        (["['a/+','b']"], ("a/+", "b")),
        (["[a/+, b]"], ("a/+", "b")),
        (['["a:b"]'], ("a:b",)),
        ([f"@{file}"], ("c/#", "d")),
    ]:
        ok(command("topic-space", "create", "-n", "space", "--topic-templates", *given))
        assert namespace.get_topic_space("space").topic_templates == expected
    ok(command("topic-space", "update", "--topic-space-name", "space", "--topic-templates", "e"))
    assert ok(command("topic-space", "show", "-n", "space"))["topicTemplates"] == ["e"]


def test_a_permission_binding_is_updated(namespace: azmqtt.LocalNamespace, command: Command):
    namespace.create_topic_space("space", ["a"])
    namespace.create_permission_binding("binding", topic_space_name="space", permission="Publisher")
    ok(command("permission-binding", "update", "-n", "binding", "--permission", "Subscriber"))
    assert namespace.get_permission_binding("binding").permission == "Subscriber"
    assert ok(command("permission-binding", "show", "-n", "binding"))["clientGroupName"] == "$all"


def test_a_ca_certificate(
    namespace: azmqtt.LocalNamespace, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made = ok(command("ca-certificate", "create", "-n", "contoso-ca", "--encoded-certificate", f"@{namespace.ca_file}"))
    assert made["expiryTimeInUtc"] > made["issueTimeInUtc"]
    certificate = namespace.create_certificate("pump")
    namespace.create_client("pump", validation_scheme="SubjectMatchesAuthenticationName")
    files = {"certificate": certificate.certificate, "private_key": certificate.private_key}
    with namespace.mqtt_client("pump", **files) as client:
        client.connect()
    ok(command("ca-certificate", "update", "--ca-certificate-name", "contoso-ca", "--description", "mine"))
    assert namespace.get_ca_certificate("contoso-ca").description == "mine"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(namespace.ca_pem.encode())))
    ok(command("ca-certificate", "create", "-n", "other-ca", "--encoded-certificate", "-"))
    assert [each["name"] for each in ok(command("ca-certificate", "list"))] == ["contoso-ca", "other-ca"]
    assert ok(command("ca-certificate", "show", "-n", "other-ca"))["encodedCertificate"] == namespace.ca_pem
    ok(command("ca-certificate", "delete", "-n", "contoso-ca"))
    assert command("ca-certificate", "show", "-n", "contoso-ca")[0] == 1
    code, _, err = command("ca-certificate", "create", "-n", "no-ca", "--encoded-certificate", "@missing.pem")
    assert (code, err) == (2, "azmqtt: missing.pem: No such file or directory\n")


def test_the_namespace_itself(command: Command):
    shown = ok(command("show", *WHERE))
    assert (shown["name"], shown["topicSpacesConfiguration"]["state"]) == ("azmqtt", "Enabled")
    sources = "{client-authentication:{alternative-authentication-name-sources:[ClientCertificateDns]}}"
    updated = ok(command("update", "-n", "azmqtt", "--topic-spaces-configuration", sources, "--tags", "my-site=lab"))
    configuration = updated["topicSpacesConfiguration"]
    assert configuration["clientAuthentication"] == {"alternativeAuthenticationNameSources": ["ClientCertificateDns"]}
    assert updated["tags"] == {"my-site": "lab"}
    hours = ("--topic-spaces-configuration", "maximum-session-expiry-in-hours=2")
    updated = ok(command("update", "--name", "azmqtt", *hours, "--sku", "{name:Standard,capacity:2}"))
    assert updated["topicSpacesConfiguration"]["maximumSessionExpiryInHours"] == 2
    assert updated["topicSpacesConfiguration"]["clientAuthentication"] == configuration["clientAuthentication"]
    assert updated["sku"]["capacity"] == 2
    keys = ok(command("list-key", "-n", "azmqtt"))
    assert ok(command("regenerate-key", "--key-name", "key1"))["key2"] == keys["key2"]
    assert ok(command("list-key"))["key1"] != keys["key1"]
    code, _, err = command("update", "--sku", "{capacity:99}")
    assert code == 1
    assert "sku.capacity" in err


def test_a_list_has_all_pages(namespace: azmqtt.LocalNamespace, command: Command):
    for number in range(5):
        namespace.create_client(f"client-{number}")
    assert len(ok(command("client", "list", "--top", "2"))) == 5
    found = ok(command("client", "list", "--filter", "contains(name, '-3')"))
    assert [each["name"] for each in found] == ["client-3"]


@pytest.mark.parametrize(
    ("arguments", "expected", "text"),
    [
        (("client", "show", "-n", "nobody"), 1, "the namespace answered 404 ResourceNotFound"),
        (("client", "update", "-n", "nobody", "--state", "Enabled"), 1, "404"),
        (("client", "show", "-n", "a", "-g", "other"), 1, "Resource group 'other' could not be found"),
        (("client", "show", "-n", "a", "--namespace-name", "other"), 1, "This local namespace is"),
        (("client", "show", "-n", "a", "--subscription", "other"), 1, "SubscriptionNotFound"),
        (("client", "create", "-n", "a", "--attributes", "{kind:"), 2, "--attributes is neither JSON nor shorthand"),
        (("client", "create", "-n", "a", "--attributes", "[1]"), 2, "--attributes: it must be an object"),
        (("client", "create", "-n", "a", "--attributes", "{a:{b:c}}"), 1, "properties.attributes.a"),
        (("client-group", "create", "-n", "group"), 1, "properties.query: it is required"),
        (("topic-space", "create", "-n", "space", "--topic-templates", "a/#/b"), 1, "topicTemplates[0]"),
        (("client", "list", "--filter", "floor eq 3"), 1, "400"),
        (("client", "show", "-n", "a", "--token", "wrong"), 1, "--token must be that of the namespace's ready line"),
        (("client", "show", "-n", "a", "--token", "two words"), 2, "--token: it must be one word"),
        (("client", "show", "-n", "a", "--management-url", "http://localhost:1"), 2, "is not https://HOST:PORT"),
        (("client", "show", "-n", "a", "--management-url", "https://localhost:1"), 1, "localhost:1: no server listens"),
        (("client", "show", "-n", "a", "--ca-file", "missing.pem"), 2, "--ca-file"),
    ],
)
def test_what_goes_wrong_says_why(command: Command, arguments: tuple[str, ...], expected: int, text: str):
    code, out, err = command(*arguments)
    assert (code, out) == (expected, None)
    assert text in err
    assert err.startswith("azmqtt: ")
    assert err.count("\n") == 1


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    for name in os.environ:
        if name.startswith("AZMQTT_"):
            monkeypatch.delenv(name)
    assert main.main(["namespace", "client", "list"]) == 2
    assert "--management-url is missing, or $AZMQTT_NAMESPACE_MANAGEMENT_URL" in capsys.readouterr().err
    monkeypatch.setenv("AZMQTT_NAMESPACE_MANAGEMENT_URL", "https://localhost:1")
    assert main.main(["namespace", "client", "list"]) == 2
    assert "--token is missing, or $AZMQTT_NAMESPACE_TOKEN" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main.main(["namespace", "client", "create"])
    assert "--name" in capsys.readouterr().err


def test_a_certificate_that_is_not_trusted(command: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AZMQTT_NAMESPACE_CA_FILE")
    code, _, err = command("client", "list")
    assert code == 1
    assert "the local namespace's CA file goes to --ca-file" in err


def test_operations_that_last(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    with azmqtt.LocalNamespace(operation_time=1.5) as namespace:
        point_at(namespace, monkeypatch)

        def run(*arguments: str) -> Any:
            assert main.main(["namespace", *arguments]) == 0
            out = capsys.readouterr().out
            return json.loads(out) if out else None

        create = ("client", "create", "-n", "pump")
        assert run(*create, "--no-wait")["provisioningState"] == "Creating"
        run("client", "wait", "-n", "pump", "--exists")
        run("client", "wait", "-n", "pump", "--created", "--interval", "0.1")
        assert run("client", "show", "-n", "pump")["provisioningState"] == "Succeeded"
        assert run(*create)["provisioningState"] == "Succeeded"
        assert main.main(["namespace", *create, "--timeout", "0.1"]) == 1
        assert "still under way after 0.1 s" in capsys.readouterr().err
        run("client", "delete", "-n", "pump")
        run("client", "wait", "-n", "pump", "--deleted")
        assert main.main(["namespace", "client", "wait", "-n", "pump", "--exists", "--timeout", "0.1"]) == 1
        assert capsys.readouterr().err == "azmqtt: pump: not yet there after 0.1 s\n"


def test_another_shell_finds_the_namespace_by_the_lines_that_it_prints():
    azmqtt_command = [sys.executable, "-W", "error", "-m", "azmqtt", "namespace"]
    service = [*azmqtt_command, "--port", "0"]
    with subprocess.Popen(service, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found: dict[str, str] = {}
        try:
            for line in process.stdout:
                words = shlex.split(line, comments=False) if line.startswith("  export ") else []
                found.update(word.split("=", 1) for word in words[1:])
                if len(found) == 4:
                    break
            kept = {name: value for name, value in os.environ.items() if not name.startswith("AZMQTT_")}
            done = subprocess.run(
                [*azmqtt_command, "topic-space", "create", "-n", "space", "--topic-templates", "a/#"],
                env={**kept, **found},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert (done.returncode, done.stderr) == (0, "")
            assert json.loads(done.stdout)["topicTemplates"] == ["a/#"]
        finally:
            process.terminate()


def test_the_commands_of_the_page(
    namespace: azmqtt.LocalNamespace, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "intermediate.pem").write_text(namespace.ca_pem)
    page = PAGE.read_text(encoding="utf-8")
    [block] = re.findall(r"```sh\n(azmqtt namespace .*?)```", page, re.DOTALL)
    lines = block.replace("\\\n", " ").splitlines()
    printed = [ok(command(*shlex.split(line)[2:])) for line in lines]
    assert [each["name"] for each in printed[:-1]] == [
        "ContosoTopicSpace",
        "contosopublisherbinding",
        "pump-1",
        "pumps",
        "contoso-ca",
    ]
    assert [each["attributes"] for each in printed[-1]] == [{"kind": "pump", "floor": 3}]
    for noun in ("client", "client-group", "topic-space", "permission-binding", "ca-certificate"):
        assert f"azmqtt namespace {noun} create" in block


def test_faults_of_a_namespace_that_runs(namespace: azmqtt.LocalNamespace, command: Command, capsys: Any):
    def lines(*arguments: str) -> list[dict[str, Any]]:
        assert main.main(["namespace", "fault", *arguments]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    namespace.create_topic_space("everything", ["#"])
    namespace.create_permission_binding("publish", topic_space_name="everything", permission="Publisher")
    [fault] = lines("set", "drop:on=publish,client_id=faulty")
    assert (fault["fired"], fault["over"], fault["rule"]["client_id"]) == (0, False, "faulty")
    assert fault in lines("list")
    with namespace.mqtt_client("faulty", retry=azmqtt.RetryPolicy(base=0.01)) as client:
        client.publish("a", b"arrives in the end")
    fired = lines("fired")[-1]
    assert (fired["id"], fired["clientId"], fired["fault"]) == (fault["id"], "faulty", "drop on publish")
    assert lines("fired", "--after", str(fired["sequence"])) == []
    code, _, err = command("fault", "clear", str(fault["id"]))
    assert (code, err) == (1, f"azmqtt: there is no fault {fault['id']} that could still happen\n")
    lines("set", "lose:on=puback,count=5")
    assert command("fault", "clear")[0] == 0
    assert all(rule["over"] for rule in lines("list"))
    for spec, expected, text in (("explode", 1, "explode"), ("drop:on", 2, "'on' is not name=value")):
        code, _, err = command("fault", "set", spec)
        assert code == expected
        assert text in err
    code, _, err = command("fault", "list", "--token", "wrong")
    assert code == 1
    assert "401" in err


def test_a_schedule_of_faults_over_https(namespace: azmqtt.LocalNamespace):
    api = ManagementApi(namespace.management_url, namespace.token, ca_file=namespace.ca_file)
    schedule = {"seed": 7, "duration": 3600, "faults": [{"fault": "drop", "every": 600, "client_id": "nobody"}]}
    plan = api.ask("POST", "/azmqtt/faults/schedules", schedule)
    planned = azmqtt.faults.FaultSchedule(7, 3600, [("drop", {"every": 600, "client_id": "nobody"})]).plan("namespace")
    assert [rule["at"] for rule in plan] == [fault.at for fault in planned]
    assert api.ask("DELETE", "/azmqtt/faults") is None
    for method, path, body, status in [
        ("POST", "/azmqtt/faults", [], 400),
        ("POST", "/azmqtt/faults/schedules", {"seed": 7}, 400),
        ("PUT", "/azmqtt/faults", {}, 405),
        ("GET", "/azmqtt/nothing", None, 404),
    ]:
        with pytest.raises(azmqtt.RequestFailed) as refused:
            api.ask(method, path, body)
        assert refused.value.status == status, path
    with pytest.raises(azmqtt.RequestFailed, match="after must be a whole number"):
        api.ask("GET", "/azmqtt/faults/fired", query="&after=x")


class Liar(BaseHTTPRequestHandler):
    """Answers every request with what the test has set."""

    answers: list[tuple[int, dict[str, str], bytes]]

    def do_GET(self) -> None:
        status, headers, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_GET  # noqa: N815 - http.server's own names
    do_DELETE = do_GET  # noqa: N815 - the same

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def liar(tmp_path: Path) -> Iterator[ManagementApi]:
    """The API of a server that says anything."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), Liar) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"https://localhost:{server.server_port}"
        yield ManagementApi(url, "secret", ca_file=str(tmp_path / "ca.pem"), timeout=20)
        server.shutdown()


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        ([(200, {}, b"<html>")], "is not JSON"),
        ([(200, {}, b"[]")], "is not an object"),
        ([(200, {}, b'{"value": 5}')], "is not a list"),
        ([(200, {}, b'{"value": [], "nextLink": "https://example.com/"}')], "leads elsewhere"),
        ([(200, {}, b'{"value": [], "nextLink": "http://localhost:1/"}')], "leads elsewhere"),
        ([(200, {}, b'{"value": [], "nextLink": 5}')], "leads elsewhere"),
        ([(500, {}, b"oh")], "the namespace answered 500 Internal Server Error"),
        ([(400, {}, b'{"error": "oh"}')], "the namespace answered 400 Bad Request"),
    ],
)
def test_answers_that_are_wrong(liar: ManagementApi, answers: list[tuple[int, dict[str, str], bytes]], text: str):
    Liar.answers = list(answers)
    with pytest.raises(azmqtt.IotHubError, match=text) as error:
        liar.entries("/subscriptions")
    assert "secret" not in str(error.value)


def test_operations_that_end_badly_or_lead_elsewhere(liar: ManagementApi):
    here = f"https://localhost:{liar._authority[1]}/operation"
    begun = (201, {"Azure-AsyncOperation": here, "Retry-After": "0"}, b'{"name": "a"}')
    Liar.answers = [begun, (200, {"Retry-After": "0"}, b'{"status": "InProgress"}'), (200, {}, b'{"status": "Failed"}')]
    with pytest.raises(azmqtt.RequestFailed, match="the operation ended as Failed"):
        liar.put("/a", {})
    Liar.answers = [(202, {"Location": "https://example.com/"}, b"")]
    with pytest.raises(azmqtt.BadAnswer, match="leads elsewhere"):
        liar.delete("/a")
    Liar.answers = [begun, (200, {}, b'{"status": "Succeeded"}'), (200, {}, b'{"name": "made"}')]
    assert liar.put("/a", {}) == {"name": "made"}
