"""The common part of `publish` and `subscribe`: a client for a single task."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, TypedDict

from azmqtt.paho._client import Client
from azmqtt.paho._enums import CallbackAPIVersion, MQTTProtocolVersion, MQTTv311, connack_string

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class MQTTException(Exception):
    """The broker refused the connection or the subscription."""


class TransportOptions(TypedDict, total=False):
    """The credentials and transport options, as in paho."""

    client_id: str
    keepalive: int
    will: Mapping[str, Any] | None
    auth: Mapping[str, Any] | None
    tls: Mapping[str, Any] | ssl.SSLContext | None
    protocol: MQTTProtocolVersion | int
    transport: str
    proxy_args: Mapping[str, Any] | None


_NAMES = frozenset(TransportOptions.__annotations__)


def run(
    hostname: str,
    port: int,
    options: TransportOptions,
    begin: Callable[[Client], None],
    prepare: Callable[[Client], None],
    **more: Any,
) -> None:
    """Connect, call `begin` once the broker has accepted, and call callbacks until `disconnect`.

    Raises:
        TypeError: An argument is unknown.
        MQTTException: The broker refused the connection.
        OSError: The connection failed.
    """
    if unknown := options.keys() - _NAMES:
        raise TypeError(f"unknown argument {min(unknown)!r}")
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=options.get("client_id", ""),
        protocol=options.get("protocol", MQTTv311),
        transport=options.get("transport", "tcp"),
        **more,
    )
    if will := options.get("will"):
        client.will_set(**will)
    if auth := options.get("auth"):
        client.username_pw_set(auth["username"], auth.get("password"))
    if proxy := options.get("proxy_args"):
        client.proxy_set(**proxy)
    _encrypt(client, options.get("tls"))

    def on_connect(client: Client, _userdata: Any, _flags: Any, reason_code: Any, _properties: Any) -> None:
        if reason_code.is_failure:
            raise MQTTException(connack_string(reason_code))
        begin(client)

    client.on_connect = on_connect
    prepare(client)
    client.connect(hostname, port, options.get("keepalive", 60))
    client.loop_forever()


def _encrypt(client: Client, tls: Mapping[str, Any] | ssl.SSLContext | None) -> None:
    if isinstance(tls, ssl.SSLContext):
        client.tls_set_context(tls)
    elif tls is not None:
        options = dict(tls)
        insecure = options.pop("insecure", False)
        client.tls_set(**options)
        if insecure:
            client.tls_insecure_set(insecure)
