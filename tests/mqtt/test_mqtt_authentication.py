"""What clients authenticate with by AUTH: when tokens are renewed, and what becomes of those that are wrong."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import threading
import time
from types import SimpleNamespace

import pytest

from azmqtt._mqtt import authentication, service_account, tokens
from azmqtt._mqtt.authentication import Enhanced, EntraToken, JsonWebToken
from azmqtt._mqtt.service_account import ServiceAccountToken

NOW = 1_800_000_000.0


def jwt(**claims: object) -> str:
    parts = [{"alg": "RS256"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


@pytest.fixture
def at_noon(monkeypatch):
    monkeypatch.setattr(authentication, "time", SimpleNamespace(time=lambda: NOW))


@pytest.mark.parametrize(
    "token",
    ["", "a.b", "a.b.c", "....", jwt()[:-1] + ".", jwt() + ".x", jwt()[:20], "e30.e30.a", "e30.W10.YQ", "x" * 70_000],
)
def test_what_is_no_token(token):
    with pytest.raises(ValueError, match="JSON Web Token") as raised:
        tokens.claims(token)
    assert not token or token not in str(raised.value)


@pytest.mark.parametrize("exp", ["1", True, -1, 1e300, [1], float("nan")])
def test_an_expiry_that_is_no_time(exp):
    with pytest.raises(ValueError, match="'exp'"):
        tokens.expiry(jwt(exp=exp))


def test_a_token_is_renewed_when_most_of_its_life_is_over(at_noon):
    token = jwt(exp=NOW + 1000, sub="a")
    assert JsonWebToken(lambda: token).begin() == (token.encode(), NOW + 850, NOW + 1000)
    assert JsonWebToken(lambda: jwt(sub="a")).begin()[1:] == (None, None)
    # What is always nearly over is not asked for again and again.
    assert JsonWebToken(lambda: jwt(exp=NOW + 0.1)).begin().renew_at == NOW + 1


def test_a_token_that_has_expired_says_so(at_noon):
    with pytest.raises(ValueError, match="the token has expired: its exp was 60 s ago"):
        JsonWebToken(lambda: jwt(exp=NOW - 60)).begin()


def test_a_token_by_an_async_function(at_noon):
    async def get_token():
        return jwt(exp=NOW + 100)

    assert JsonWebToken(get_token).is_async
    assert asyncio.run(JsonWebToken(get_token).begin()).expires_at == NOW + 100


class Credential:
    """As azure.core's TokenCredential."""

    def __init__(self, token, expires_on):
        self.answer = SimpleNamespace(token=token, expires_on=expires_on)
        self.scopes = []

    def get_token(self, *scopes):
        self.scopes.append(scopes)
        return self.answer


def test_a_credential_of_entra(at_noon):
    credential = Credential("opaque", int(NOW) + 3600)
    entra = EntraToken(credential)
    assert entra.begin() == (b"opaque", NOW + 3600 - 240, NOW + 3600)
    assert credential.scopes == [("https://eventgrid.azure.net/.default",)]
    credential.answer.expires_on = int(NOW) + 100
    assert entra.begin().renew_at == pytest.approx(NOW + 85)


def test_a_credential_that_says_when_to_renew(at_noon):
    class WithInfo(Credential):
        def get_token_info(self, scope):
            assert scope == "scope"
            return SimpleNamespace(token="opaque", expires_on=int(NOW) + 86_400, refresh_on=int(NOW) + 43_200)

    assert EntraToken(WithInfo("never", 1), scope="scope").begin() == (b"opaque", NOW + 43_200, NOW + 86_400)


def test_an_async_credential():
    class Async(Credential):
        async def get_token(self, *scopes):
            return super().get_token(*scopes)

    entra = EntraToken(Async("opaque", time.time() + 1000))
    assert entra.is_async
    assert asyncio.run(entra.begin()).data == b"opaque"


def test_functions_in_the_place_of_a_credential(at_noon):
    assert EntraToken(lambda: "opaque").begin() == (b"opaque", None, None)
    assert EntraToken(lambda: jwt(exp=NOW + 100)).begin().expires_at == NOW + 100
    assert EntraToken(lambda: SimpleNamespace(token="x", expires_on=NOW + 10)).begin().expires_at == NOW + 10


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (5, TypeError, "get_token must return a str or an object with a token, not int"),
        ("", ValueError, "the token is empty"),
        ("Bearer\n", ValueError, "invalid characters"),
        ("x" * 8193, ValueError, "the token has 8,193 bytes, and Event Grid allows 8,192"),
        (SimpleNamespace(token="x", expires_on="soon"), ValueError, "expires_on of the token must be a number"),
        (SimpleNamespace(token="x", expires_on=1), ValueError, "the token has expired: its expires_on was"),
    ],
)
def test_what_a_credential_should_not_return(answer, error, text):
    with pytest.raises(error, match=text):
        EntraToken(lambda: answer).begin()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: EntraToken("token"), "get_token must be a credential with a method get_token, or a function, not str"),
        (lambda: JsonWebToken("token"), "get_token must be callable, not str"),
        (lambda: ServiceAccountToken(b"path"), "path must be a path, not bytes"),
        (lambda: Enhanced("SCRAM", None), "on_challenge must be callable, not NoneType"),
        (lambda: Enhanced(5, print), "method must be str, not int"),
    ],
)
def test_arguments_of_the_wrong_type(make, text):
    with pytest.raises(TypeError, match=f"^{text}$"):
        make()


def test_no_repr_shows_a_token():
    for shown in (EntraToken(lambda: "s3cret"), JsonWebToken(lambda: "s3cret"), Enhanced("M", lambda _: b"s3cret")):
        shown.begin if isinstance(shown, JsonWebToken) else shown.begin()
        assert "s3cret" not in repr(shown)


def test_an_exchange_of_ones_own(at_noon):
    asked = []

    def on_challenge(data):
        asked.append(data)
        return None if data is None else data[::-1]

    enhanced = Enhanced("SCRAM-SHA-256", on_challenge, renew_after=60)
    assert enhanced.begin() == (b"", NOW + 60, None)
    assert enhanced.challenge(b"abc") == b"cba"
    assert asked == [None, b"abc"]
    assert not enhanced.waits
    with pytest.raises(TypeError, match="on_challenge must return bytes or None, not str"):
        Enhanced("M", lambda _: "text").begin()
    with pytest.raises(ValueError, match="the broker sent a challenge, which CUSTOM-JWT does not support"):
        JsonWebToken(jwt).challenge(b"?")


# The file of a service account


@pytest.fixture
def volume(tmp_path, monkeypatch):
    """A projected volume, as the kubelet writes them."""
    monkeypatch.setattr(service_account, "_SETTLED", 0.0)
    return Volume(tmp_path)


class Volume:
    def __init__(self, path):
        self.path, self.count = path, 0
        self.file = path / "broker-sat"

    def swap(self, token):
        self.count += 1
        home = self.path / f"..data_{self.count}"
        home.mkdir()
        (home / "broker-sat").write_text(token)
        (self.path / "new").symlink_to(home.name)
        (self.path / "new").rename(self.path / "..data")
        if not self.file.is_symlink():
            self.file.symlink_to("..data/broker-sat")


def test_the_kubelet_swaps_a_symlink(volume):
    volume.swap(first := jwt(exp=2**32, n=1))
    sat = ServiceAccountToken(volume.file)
    assert not sat.changed()
    assert sat.begin() == (first.encode(), None, 2.0**32)
    assert not sat.changed()
    volume.swap(second := jwt(exp=2**32, n=2))
    assert sat.changed()
    assert sat.begin().data == second.encode()
    assert not sat.changed()
    # The kubelet writes all files of the volume anew when one has changed.
    volume.swap(second)
    assert not sat.changed()


def test_a_file_that_is_written_in_place(volume):
    volume.file.write_text(first := jwt(n=1))
    sat = ServiceAccountToken(str(volume.file))
    assert sat.begin().data == first.encode()
    whole = jwt(n=22)
    volume.file.write_text(whole[:25])
    assert not sat.changed(), "half of a token is not news"
    volume.file.write_text(whole + "\n")
    assert sat.changed()
    assert sat.begin().data == whole.encode()


def test_a_file_that_is_deleted_and_comes_back(volume):
    volume.swap(jwt(n=1))
    sat = ServiceAccountToken(volume.file)
    sat.begin()
    volume.file.unlink()
    assert not sat.changed()
    volume.file.write_text(second := jwt(n=2))
    assert sat.changed()
    assert sat.begin().data == second.encode()


@pytest.mark.parametrize("half", [None, "", "eyJhbGciOiJSUzI1NiJ9.eyJ"], ids=["missing", "empty", "half"])
def test_a_file_that_is_not_whole_yet_is_waited_for(volume, half, monkeypatch):
    monkeypatch.setattr(service_account, "_PATIENCE", 60.0)
    looked = threading.Event()
    read = ServiceAccountToken._read

    def reading(sat):
        try:
            return read(sat)
        finally:
            looked.set()

    monkeypatch.setattr(ServiceAccountToken, "_read", reading)
    if half is not None:
        volume.file.write_text(half)
    found = []
    sat = ServiceAccountToken(volume.file)
    thread = threading.Thread(target=lambda: found.append(sat.begin().data), daemon=True)
    thread.start()
    assert looked.wait(30)
    volume.file.write_text(token := jwt(n=1))
    thread.join(30)
    assert found == [token.encode()]


def test_a_file_that_never_comes_or_never_is_a_token(volume, monkeypatch):
    monkeypatch.setattr(service_account, "_PATIENCE", 0.0)
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        ServiceAccountToken(volume.file).begin()
    volume.file.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="holds no token"):
        ServiceAccountToken(volume.file).begin()
    volume.file.write_text("s3cret")
    with pytest.raises(ValueError, match="not a JSON Web Token") as raised:
        ServiceAccountToken(volume.file).begin()
    assert "s3cret" not in str(raised.value)


def test_a_file_that_somebody_may_be_writing(volume, monkeypatch):
    monkeypatch.setattr(service_account, "_SETTLED", 3600.0)
    monkeypatch.setattr(service_account, "_PATIENCE", 0.0)
    volume.file.write_text(jwt(n=1))
    with pytest.raises(ValueError, match="is being written"):
        ServiceAccountToken(volume.file).begin()
    an_hour_ago = time.time() - 7200
    os.utime(volume.file, (an_hour_ago, an_hour_ago))
    assert ServiceAccountToken(volume.file).begin().data
