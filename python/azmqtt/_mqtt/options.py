"""The options of a client of any broker: their types, their bounds, their defaults."""

from __future__ import annotations

import os  # noqa: TC003 - for `typing.get_type_hints`
from collections.abc import Callable  # noqa: TC003 - the same
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from azmqtt._client.certificates import load_certificate
from azmqtt._mqtt.properties import UserProperties, pairs, writable
from azmqtt._mqtt.topics import limits_of
from azmqtt._mqtt.types import Will, will_fields
from azmqtt._support import arguments
from azmqtt._support.pem import read_pem
from azmqtt._types import Outbox, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azmqtt._core import AuthenticationCalls
    from azmqtt._mqtt.authentication import Authentication
    from azmqtt._mqtt.layout import BrokerOptions
    from azmqtt._support.pem import Pem


class MqttOptions(TypedDict, total=False):
    """The options of :class:`~azmqtt.MqttClient`, all by name, all optional.

    Attributes:
        username: The user name in CONNECT. On Event Grid: the client's authentication name.
        password: The password in CONNECT.
        certificate: The client's X.509 certificate, followed by those of its issuers if the broker needs them: the
            path of a file in PEM or DER, or its content.
        private_key: The certificate's private key, in the same forms. It may also be in the certificate's file.
        passphrase: The passphrase of an encrypted private key.
        port: The broker's port. Default: 8883, or 443 with ``websocket``; without ``tls`` 1883 or 80.
        tls: Encrypt the connection. Default: ``True``.
        websocket: Use MQTT over a WebSocket. Default: ``False``.
        path: The path of the WebSocket. Default: ``"/mqtt"``.
        proxy: The proxy to connect through: ``"http://user:password@host:port"`` (HTTP CONNECT), ``"socks5://…"``, or
            ``"environment"`` for ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``. Default: no proxy.
        trust: The root certificates to trust for the broker, instead of the bundled and the system's: the path of a
            file in PEM or DER, or its content.
        protocol: 5 for MQTT 5 (the default), 4 for MQTT 3.1.1.
        clean_start: Start a new session with the first connection. Default: ``False``. Reconnects always resume the
            session.
        session_expiry: Seconds for which the broker keeps the session without a connection. Default: 3,600, or 0
            without a ``client_id``. The maximum, 4,294,967,295, means that it never expires. MQTT 3.1.1 only
            distinguishes 0 from other values.
        keep_alive: Seconds without traffic after which the client sends a PINGREQ. Default: 60. 0 disables it.
        receive_maximum: Maximum of unacknowledged QoS 1 and 2 messages that the broker may send. Default: 1,024.
        max_packet_size: Size of the largest packet that the broker may send, in bytes. Default: 16 MiB.
        topic_alias_maximum: Number of topic aliases that the broker may use. Default: 16.
        will: The message that the broker publishes when the connection is lost; see :class:`~azmqtt.Will`.
        user_properties: User properties in CONNECT: pairs of name and value, or a mapping. Event Grid refuses them.
        authentication: Enhanced authentication (MQTT 5 AUTH): :class:`~azmqtt.EntraToken`,
            :class:`~azmqtt.JsonWebToken`, :class:`~azmqtt.ServiceAccountToken` or :class:`~azmqtt.Enhanced`.
        retry: When to reconnect; see :class:`~azmqtt.RetryPolicy`.
        outbox: How many unacknowledged messages the client holds; see :class:`~azmqtt.Outbox`.
        lost_session: What happens when the broker has lost the session at a reconnect: ``"resend"`` (subscribe again,
            send unacknowledged messages again, continue), or ``"fail"`` (calls raise :class:`~azmqtt.SessionLost`, and
            the client reconnects only on ``connect``; closing the client then ends the session, as IoT Operations
            expects of its clients).
        ack: When to acknowledge a message: when the next one is requested (``"auto"``, the default), or by
            ``message.ack()`` (``"manual"``).
        timeout: Default timeout of calls, in seconds. Default: 30.
        json_default: A function for values in payloads that JSON does not have; see :class:`~azmqtt.ClientOptions`.
        auto_connect: Connect on the first call. Default: ``True``. With ``False``, only ``connect`` connects.
        exclusive: Allow one client per host, port and client id in this process. Default: ``True``. When a second
            client connects, it replaces the first: the first is closed and a ``RuntimeWarning`` is issued. If either
            client has ``False``, both stay open, and the broker drops the connection of one whenever the other
            connects.
    """

    username: str | None
    password: str | bytes | None
    certificate: Pem | None
    private_key: Pem | None
    passphrase: str | bytes | None
    port: int | None
    tls: bool
    websocket: bool
    path: str
    proxy: str | None
    trust: str | bytes | os.PathLike[str] | None
    protocol: Literal[4, 5]
    clean_start: bool
    session_expiry: int | None
    keep_alive: int
    receive_maximum: int
    max_packet_size: int
    topic_alias_maximum: int
    will: Will | None
    user_properties: UserProperties | None
    authentication: Authentication | None
    retry: RetryPolicy
    outbox: Outbox
    lost_session: Literal["resend", "fail"]
    ack: Literal["auto", "manual"]
    timeout: float
    json_default: Callable[[Any], Any] | None
    auto_connect: bool
    exclusive: bool


_DAY = 86_400
_HUGE = 2**31 - 1
_FOUR_BYTES = 2**32 - 1
_FIVE = 5
_MEBIBYTE = 1024 * 1024
#: MQTT 5 §2.1.4: 5 bytes of header, and four digits of 7 bits for the length behind it.
_LARGEST_PACKET = 5 + 2**28 - 1
#: MQTT 5 §3.1.3.5.
_LONGEST = 65_535

#: Port by whether it is encrypted and whether it is a WebSocket.
_PORTS = {(True, False): 8883, (True, True): 443, (False, False): 1883, (False, True): 80}

DEFAULTS: dict[str, Any] = {
    "username": None,
    "password": None,
    "certificate": None,
    "private_key": None,
    "passphrase": None,
    "port": None,
    "tls": True,
    "websocket": False,
    "path": "/mqtt",
    "proxy": None,
    "trust": None,
    "protocol": _FIVE,
    "clean_start": False,
    "session_expiry": None,
    "keep_alive": 60,
    "receive_maximum": 1024,
    "max_packet_size": 16 * _MEBIBYTE,
    "topic_alias_maximum": 16,
    "will": None,
    "user_properties": None,
    "authentication": None,
    "retry": RetryPolicy(),
    "outbox": Outbox(),
    "lost_session": "resend",
    "ack": "auto",
    "timeout": 30,
    "json_default": None,
    "auto_connect": True,
    "exclusive": True,
}


def broker_options(
    hostname: Any, client_id: Any, options: Mapping[str, Any], calls: AuthenticationCalls | None
) -> BrokerOptions:
    """Check options and lay them out for the core.

    Raises:
        TypeError: An unknown option, or one of the wrong type.
        ValueError: One out of its bounds; an unreadable file.
    """
    given = {**DEFAULTS, **options}
    limits = limits_of(arguments.text("hostname", hostname))
    client_id = "" if client_id is None else writable("client_id", client_id)
    five = _protocol(given) == _FIVE
    tls = arguments.instance("tls", given["tls"], bool)
    websocket = arguments.instance("websocket", given["websocket"], bool)
    certificate = load_certificate(given["certificate"], given["private_key"], given["passphrase"])
    if not tls and (certificate is not None or given["trust"] is not None):
        raise ValueError("certificate and trust are for an encrypted connection, and tls is False")
    retry = arguments.instance("retry", given["retry"], RetryPolicy)
    outbox = arguments.instance("outbox", given["outbox"], Outbox)
    longest = arguments.seconds_within("retry.max", retry.max, 0.001, _DAY)
    user_properties = pairs("user_properties", given["user_properties"])
    if user_properties and not five:
        raise ValueError("user_properties need MQTT 5")
    if calls is not None and not five:
        raise ValueError("authentication needs MQTT 5: MQTT 3.1.1 has no AUTH")
    return {
        "hostname": hostname,
        "port": _PORTS[tls, websocket] if given["port"] is None else arguments.port("port", given["port"]),
        "tls": tls,
        "websocket": websocket,
        "path": arguments.text("path", given["path"]),
        "proxy": None if given["proxy"] is None else arguments.text("proxy", given["proxy"]),
        "trust": None if given["trust"] is None else read_pem("trust", given["trust"]),
        "certificate": certificate,
        "protocol": given["protocol"],
        "client_id": client_id,
        "username": None if given["username"] is None else writable("username", given["username"]),
        "password": _password(given["password"], given["username"], five=five),
        "clean_start": arguments.instance("clean_start", given["clean_start"], bool),
        "session_expiry": _session_expiry(given["session_expiry"], client_id, five=five),
        "keep_alive": arguments.whole("keep_alive", given["keep_alive"], 0, _LONGEST, "s"),
        "receive_maximum": arguments.whole("receive_maximum", given["receive_maximum"], 1, _LONGEST),
        "max_packet_size": arguments.whole("max_packet_size", given["max_packet_size"], 128, _LARGEST_PACKET),
        "topic_alias_maximum": arguments.whole("topic_alias_maximum", given["topic_alias_maximum"], 0, _LONGEST),
        "will": will_fields(given["will"], limits),
        "user_properties": user_properties,
        "authentication": calls,
        "retry_base": arguments.seconds_within("retry.base", retry.base, 0.001, longest),
        "retry_max": longest,
        "retry_first_connect": arguments.instance("retry.first_connect", retry.first_connect, bool),
        "outbox_messages": arguments.whole("outbox.messages", outbox.messages, 1, _HUGE),
        "outbox_bytes": arguments.whole("outbox.bytes", outbox.bytes, 1, _HUGE),
        "resend": _choice(given, "lost_session", "resend", "fail"),
        "manual_acknowledge": _choice(given, "ack", "manual", "auto"),
        "auto_connect": arguments.instance("auto_connect", given["auto_connect"], bool),
        "exclusive": arguments.instance("exclusive", given["exclusive"], bool),
        "timeout": arguments.seconds_within("timeout", given["timeout"], 0.001, 365 * _DAY),
        "json_default": arguments.function_or_none("json_default", given["json_default"]),
        "topic_bytes": limits.bytes,
        "topic_levels": limits.levels,
    }


def _protocol(given: Mapping[str, Any]) -> int:
    protocol = arguments.whole("protocol", given["protocol"])
    if protocol not in {4, 5}:
        raise ValueError(f"protocol must be 5 for MQTT 5 or 4 for MQTT 3.1.1, not {arguments.brief(protocol)}")
    return protocol


def _choice(given: Mapping[str, Any], name: str, yes: str, no: str) -> bool:
    value = given[name]
    if value not in (yes, no):
        raise ValueError(f"{name} must be {yes!r} or {no!r}, not {value!r}")
    return bool(value == yes)


def _password(password: Any, username: Any, *, five: bool) -> bytes | None:
    if password is None:
        return None
    if not isinstance(password, str | bytes):
        raise TypeError(f"password must be str or bytes, not {type(password).__name__}")
    try:
        data = password.encode() if isinstance(password, str) else password
    except UnicodeEncodeError:
        raise ValueError("password: the text contains half of a surrogate pair and is not UTF-8") from None
    if len(data) > _LONGEST:
        raise ValueError(f"password: it has {len(data):,} bytes, and MQTT allows {_LONGEST:,}")
    if username is None and not five:
        raise ValueError("username: a password needs one in MQTT 3.1.1 [MQTT-3.1.2-22]")
    return data


def _session_expiry(seconds: Any, client_id: str, *, five: bool) -> int:
    if seconds is None:
        return 3600 if client_id else 0
    checked = arguments.whole("session_expiry", seconds, 0, _FOUR_BYTES, "s")
    if checked and not client_id and not five:
        raise ValueError("session_expiry: a session needs a client_id in MQTT 3.1.1 [MQTT-3.1.3-8]")
    return checked
