"""The environment variables that the clients of Azure IoT Operations have in common."""

from __future__ import annotations

import pytest

from azmqtt._mqtt.environment import from_environment
from azmqtt._mqtt.service_account import ServiceAccountToken


@pytest.fixture
def variables(monkeypatch):
    def set_variables(**values):
        for name, value in values.items():
            monkeypatch.setenv(f"AIO_{name}", str(value))

    set_variables(BROKER_HOSTNAME="aio-broker", MQTT_CLIENT_ID="me")
    return set_variables


def test_what_must_be_set(monkeypatch):
    monkeypatch.setenv("AIO_MQTT_CLIENT_ID", "")
    with pytest.raises(ValueError, match="AIO_BROKER_HOSTNAME, AIO_MQTT_CLIENT_ID must be set"):
        from_environment()


def test_the_defaults(variables):
    assert from_environment() == {
        "hostname": "aio-broker",
        "client_id": "me",
        "port": 8883,
        "tls": True,
        "clean_start": False,
        "keep_alive": 60,
        "session_expiry": 3600,
        "lost_session": "fail",
    }


def test_everything_with_a_password(variables, tmp_path):
    (tmp_path / "password").write_text("s3cret\n")
    (tmp_path / "passphrase").write_text("word")
    variables(
        BROKER_TCP_PORT=1883,
        MQTT_USE_TLS="False",
        TLS_CA_FILE="/ca.crt",
        TLS_CERT_FILE="/cert.pem",
        TLS_KEY_FILE="/key.pem",
        TLS_KEY_PASSWORD_FILE=tmp_path / "passphrase",
        MQTT_CLEAN_START="true",
        MQTT_KEEP_ALIVE=5,
        MQTT_SESSION_EXPIRY=0,
        MQTT_USERNAME="user",
        MQTT_PASSWORD_FILE=tmp_path / "password",
    )
    assert from_environment() == {
        "hostname": "aio-broker",
        "client_id": "me",
        "port": 1883,
        "tls": False,
        "trust": "/ca.crt",
        "certificate": "/cert.pem",
        "private_key": "/key.pem",
        "passphrase": "word",
        "clean_start": True,
        "keep_alive": 5,
        "session_expiry": 0,
        "username": "user",
        "password": "s3cret",
        "lost_session": "fail",
    }


def test_a_token_excludes_a_password(variables):
    variables(SAT_FILE="/var/run/secrets/tokens/broker-sat")
    assert isinstance(from_environment()["authentication"], ServiceAccountToken)
    variables(MQTT_USERNAME="user")
    with pytest.raises(ValueError, match="AIO_SAT_FILE and AIO_MQTT_USERNAME exclude each other"):
        from_environment()


@pytest.mark.parametrize(
    ("name", "value"),
    [("BROKER_TCP_PORT", "0"), ("BROKER_TCP_PORT", "x"), ("MQTT_KEEP_ALIVE", "-1"), ("MQTT_SESSION_EXPIRY", "9" * 30)],
)
def test_numbers_that_are_none(variables, name, value):
    variables(**{name: value})
    with pytest.raises(ValueError, match=rf"^AIO_{name} must be a whole number from"):
        from_environment()


def test_what_is_neither_true_nor_false(variables):
    variables(MQTT_USE_TLS="yes")
    with pytest.raises(ValueError, match=r"^AIO_MQTT_USE_TLS must be 'true' or 'false', not 'yes'$"):
        from_environment()


def test_a_file_that_cannot_be_read(variables, tmp_path):
    variables(MQTT_PASSWORD_FILE=tmp_path / "missing")
    with pytest.raises(ValueError, match=r"^AIO_MQTT_PASSWORD_FILE: .* cannot be read: No such file"):
        from_environment()
