"""``configure``: set up a paho client from a connection string."""

from __future__ import annotations

import ssl
import weakref
from typing import TYPE_CHECKING, Any

from azmqtt import _core
from azmqtt._support.arguments import seconds_within, text, user_name_text
from azmqtt._support.pem import read_pem
from azmqtt.paho._require import require_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from azmqtt._support.pem import Pem

#: The attribute of a paho client that holds its login.
_ATTRIBUTE = "_azmqtt_login"

_DAY = 86_400


def configure(
    client: Any,
    connection_string: str,
    *,
    sas_ttl: float = 3600,
    trust: Pem | None = None,
    model_id: str | None = None,
    product_info: str | None = None,
) -> str:
    """Set a paho client up for an IoT Hub: client id, user name, password and TLS. Call it before ``connect``.

    ::

        client = mqtt.Client(client_id="dev1")
        client.connect(configure(client, connection_string), 8883)

    Each connection and reconnect gets a newly signed SAS token. The hub ends a connection when its token expires; paho
    then reconnects with a new token. ``keepalive`` of ``connect`` may be at most 1,177 s (IoT Hub docs, "Communicate
    with your IoT hub using the MQTT protocol"); paho's default of 60 s is fine. With ``transport="websockets"``,
    ``configure`` also sets the path; connect to port 443 then.

    Args:
        client: A ``paho.mqtt.client.Client`` that is not connected. Its ``client_id`` is the device's id, or
            ``{device}/{module}``. If it is empty, ``configure`` sets it.
        connection_string: ``HostName=…;DeviceId=…;SharedAccessKey=…``, optionally with ``ModuleId``,
            ``GatewayHostName``, and ``SharedAccessSignature`` instead of the key.
        sas_ttl: The validity of a token in seconds, from 1 to a year.
        trust: The roots to trust instead of the bundled ones and the system's: the path of a file in PEM or DER, or
            its content. For a local hub: ``hub.ca_file``.
        model_id: The Plug and Play model, a DTMI.
        product_info: The ``DeviceClientType`` in the user name.

    Returns:
        The host to connect to.

    Raises:
        ImportError: paho-mqtt is not installed.
        TypeError: An argument has the wrong type. The text names it.
        ValueError: An argument is invalid (the text names it and contains no key), or the client has another
            ``client_id``, is for another version of MQTT, or already has TLS set up.
        RuntimeError: The client is connected.
    """
    require_client(client)
    text("connection_string", connection_string)
    login = _core.Login(connection_string)
    ttl = int(seconds_within("sas_ttl", sas_ttl, 1, 365 * _DAY))
    username = login.username(user_name_text("product_info", product_info), user_name_text("model_id", model_id))
    if login.password(ttl) is None:
        raise ValueError("connection_string: for x509=true set up TLS by yourself, or use azmqtt.DeviceClient")
    if client.socket() is not None:
        raise RuntimeError("configure() must be called before connect()")
    before = vars(client).get(_ATTRIBUTE)
    context = None if before is not None and trust is None else _context(trust)
    _set_client_id(client, login.client_id)
    if before is None:
        _set_context(client, context)
        _sign_on_reconnect(client)
    elif context is not None:
        raise ValueError("trust: TLS was set up by the first configure() and cannot be changed")
    if getattr(client, "_transport", None) == "websockets":
        client.ws_set_options(path="/$iothub/websocket")
    setattr(client, _ATTRIBUTE, (login, username, ttl))
    client.username_pw_set(username, login.password(ttl))
    return login.host


def _context(trust: Pem | None) -> ssl.SSLContext:
    if trust is not None:
        pem = _core.plain_roots("trust", read_pem("trust", trust))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=pem)
    else:
        context = ssl.create_default_context()
        context.load_verify_locations(cadata=_core.bundled_roots())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _set_context(client: Any, context: ssl.SSLContext | None) -> None:
    try:
        client.tls_set_context(context)
    except ValueError:
        raise ValueError("client: TLS is already set up; configure() does that, omit tls_set()") from None


def _set_client_id(client: Any, client_id: str) -> None:
    # paho accepts a client id in the constructor only. A client without one sends an empty id, which the hub refuses.
    present = getattr(client, "_client_id", b"")
    present = present.decode(errors="replace") if isinstance(present, bytes) else str(present)
    if present not in ("", client_id):
        msg = f"client: its client_id is {present!r}, and the connection string is for {client_id!r}"
        raise ValueError(msg)
    client._client_id = client_id.encode()  # noqa: SLF001 - there is no other way


def _sign_on_reconnect(client: Any) -> None:
    """Sign a token for each CONNECT. ``connect`` and the loops all call ``reconnect``, so this wraps it."""
    own = vars(client).get("reconnect")
    reference = weakref.ref(client)
    method: Callable[..., Any] = type(client).reconnect if own is None else own

    def reconnect(*args: Any, **kwargs: Any) -> Any:
        client = reference()
        login, username, ttl = vars(client)[_ATTRIBUTE]
        client.username_pw_set(username, login.password(ttl))  # type: ignore[union-attr]
        return method(client, *args, **kwargs) if own is None else method(*args, **kwargs)

    client.reconnect = reconnect
