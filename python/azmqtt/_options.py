"""The options of a client: their names, their types, their bounds."""

from __future__ import annotations

import os  # noqa: TC003 - for `typing.get_type_hints`
from collections.abc import Callable  # noqa: TC003 - the same
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from azmqtt._support import arguments
from azmqtt._types import Outbox, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

    class CoreOptions(TypedDict):
        """The options as the core takes them: all of them, plain."""

        port: int
        websocket: bool
        proxy: str | None
        gateway_hostname: str | None
        https_port: int
        command: bool
        trust: bytes | None
        keep_alive: int
        sas_ttl: float
        retry_base: float
        retry_max: float
        retry_first_connect: bool
        outbox_messages: int
        outbox_bytes: int
        resend: bool
        max_in_flight: int
        model_id: str | None
        product_info: str | None
        timeout: float
        json_default: Callable[[Any], Any] | None
        auto_connect: bool
        exclusive: bool

    class InvokeOptions(TypedDict):
        """What to call, as the core takes it; times in whole seconds."""

        device_id: str
        module_id: str | None
        name: str
        payload: Any
        response_timeout: int
        connect_timeout: int


#: The provisioning service's host name for every public region.
GLOBAL_HOST = "global.azure-devices-provisioning.net"

#: Seconds between two questions how far a registration is, as in the provisioning service's own clients.
POLL_INTERVAL = 2.0


class ClientOptions(TypedDict, total=False):
    """The options of :class:`~azmqtt.DeviceClient`, all by name, all optional.

    Attributes:
        port: The hub's port. Default: 8883 for MQTT over TLS, 443 with ``websocket``.
        websocket: Use MQTT over a WebSocket, for networks that block port 8883. Default: ``False``.
        proxy: The proxy to connect through: ``"http://user:password@host:port"`` (HTTP CONNECT), ``"socks5://…"``
            (same as ``"socks5h://"``: the proxy resolves names), or ``"environment"`` for the values that
            ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` have when the client is created. Percent-encode special
            characters in user name and password. Default: no proxy.
        gateway_hostname: The IoT Edge or other gateway to connect to instead of the hub, as with ``GatewayHostName``
            in a connection string. The client checks the gateway's certificate against this name.
        https_port: The hub's HTTPS port, for file upload. Default: 443.
        trust: The root certificates to trust for the hub, instead of the bundled and the system's: the path of a file
            in PEM or DER, or its content as ``str`` (PEM) or ``bytes``.
        keep_alive: Seconds without traffic after which the client sends a PINGREQ. Default: 60. 0 disables it; the
            maximum is 1,177 (IoT Hub docs, "Use MQTT": keep-alive).
        sas_ttl: Seconds for which a signed token is valid. Default: 3,600. The client renews the token after 85 % of
            this time.
        retry: When to reconnect; see :class:`~azmqtt.RetryPolicy`.
        outbox: How many unacknowledged messages the client holds; see :class:`~azmqtt.Outbox`.
        lost_session: What happens to unacknowledged messages when the hub has lost the session: ``"resend"`` (send
            them again as new messages: at least once) or ``"fail"`` (their calls raise ``ConnectionLost``).
        max_in_flight: Maximum of unacknowledged QoS 1 messages on the wire. Default: 2,048; at most 65,535.
        model_id: The IoT Plug and Play model, such as ``dtmi:com:example:Thermostat;1``.
        product_info: The name of the client software in the hub's logs.
        timeout: Default timeout of calls, in seconds. Default: 30.
        json_default: A function for values that JSON does not have, in bodies, patches and responses of methods, like
            ``default`` of ``json.dumps``. It returns the value to encode. If it raises ``TypeError`` or returns its
            argument, and without it, azmqtt encodes numpy scalars and arrays, pandas timestamps, ``datetime``,
            ``date``, ``time``, ``Decimal``, ``UUID``, ``Enum``, dataclasses and mappings in their usual forms
            (documentation, "Data types and pandas").
        auto_connect: Connect on the first call. Default: ``True``. With ``False``, only ``connect`` connects.
        exclusive: Allow one client per device or module in this process. Default: ``True``. When a second client
            connects, it replaces the first: the first is closed and a ``RuntimeWarning`` is issued. If either client
            has ``False``, both stay open, and the hub drops the connection of one whenever the other connects.
    """

    port: int | None
    websocket: bool
    proxy: str | None
    gateway_hostname: str | None
    https_port: int
    trust: str | bytes | os.PathLike[str] | None
    keep_alive: int
    sas_ttl: float
    retry: RetryPolicy
    outbox: Outbox
    lost_session: Literal["resend", "fail"]
    max_in_flight: int
    model_id: str | None
    product_info: str | None
    timeout: float
    json_default: Callable[[Any], Any] | None
    auto_connect: bool
    exclusive: bool


#: Whether a command of this package names the options, so that errors speak of ``--trust``.
for_command = False

_DAY = 86_400
_HUGE = 2**31 - 1
_DEFAULTS: dict[str, Any] = {
    "port": None,
    "websocket": False,
    "proxy": None,
    "gateway_hostname": None,
    "https_port": 443,
    "trust": None,
    "keep_alive": 60,
    "sas_ttl": 3600,
    "retry": RetryPolicy(),
    "outbox": Outbox(),
    "lost_session": "resend",
    "max_in_flight": 2048,
    "model_id": None,
    "product_info": None,
    "timeout": 30,
    "json_default": None,
    "auto_connect": True,
    "exclusive": True,
}


def core_options(options: Mapping[str, Any]) -> CoreOptions:
    """Check options and lay them out for the core.

    Raises:
        TypeError: An unknown option, or one of the wrong type.
        ValueError: One out of its bounds; an unreadable ``trust`` file.
    """
    if not options.keys() <= _DEFAULTS.keys():
        raise TypeError(_unknown(options))
    given = {**_DEFAULTS, **options}
    websocket = arguments.instance("websocket", given["websocket"], bool)
    retry = arguments.instance("retry", given["retry"], RetryPolicy)
    outbox = arguments.instance("outbox", given["outbox"], Outbox)
    longest = arguments.seconds_within("retry.max", retry.max, 0.001, _DAY)
    if given["lost_session"] not in ("resend", "fail"):
        raise ValueError(f"lost_session must be 'resend' or 'fail', not {given['lost_session']!r}")
    return {
        "port": _port(given["port"], websocket),
        "websocket": websocket,
        "proxy": _optional_str("proxy", given["proxy"]),
        "gateway_hostname": _optional_str("gateway_hostname", given["gateway_hostname"]),
        "https_port": arguments.port("https_port", given["https_port"]),
        "command": for_command,
        "trust": _roots(given["trust"]),
        "keep_alive": arguments.whole("keep_alive", given["keep_alive"], 0, 1177),
        "sas_ttl": arguments.seconds_within("sas_ttl", given["sas_ttl"], 1, 365 * _DAY),
        "retry_base": arguments.seconds_within("retry.base", retry.base, 0.001, longest),
        "retry_max": longest,
        "retry_first_connect": arguments.instance("retry.first_connect", retry.first_connect, bool),
        "outbox_messages": arguments.whole("outbox.messages", outbox.messages, 1, _HUGE),
        "outbox_bytes": arguments.whole("outbox.bytes", outbox.bytes, 1, _HUGE),
        "resend": given["lost_session"] == "resend",
        "max_in_flight": arguments.whole("max_in_flight", given["max_in_flight"], 1, 65_535),
        "model_id": arguments.user_name_text("model_id", given["model_id"]),
        "product_info": arguments.user_name_text("product_info", given["product_info"]),
        "timeout": arguments.seconds_within("timeout", given["timeout"], 0.001, 365 * _DAY),
        "json_default": arguments.function_or_none("json_default", given["json_default"]),
        "auto_connect": arguments.instance("auto_connect", given["auto_connect"], bool),
        "exclusive": arguments.instance("exclusive", given["exclusive"], bool),
    }


#: What users of azure-iot-device know under other names.
_NAMES_THERE = {
    "server_verification_cert": "trust",
    "proxy_options": "proxy",
    "sastoken_ttl": "sas_ttl",
    "connection_retry": "retry",
    "connection_retry_interval": "retry",
}


def _unknown(options: Mapping[str, Any]) -> str:
    from difflib import get_close_matches

    name = next(name for name in options if name not in _DEFAULTS)
    near = [_NAMES_THERE[name]] if name in _NAMES_THERE else get_close_matches(name, _DEFAULTS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(_DEFAULTS)}"
    return f"unknown option {name!r}{hint}"


def _port(port: Any, websocket: bool) -> int:  # noqa: FBT001 - both are options of that name
    if port is None:
        return 443 if websocket else 8883
    return arguments.port("port", port)


def _roots(trust: Any) -> bytes | None:
    if trust is None:
        return None
    from azmqtt._support.pem import read_pem

    return read_pem("trust", trust)


def _optional_str(name: str, value: Any) -> str | None:
    """Check the type alone; the core judges the text, and shows none of it in its errors."""
    return None if value is None else arguments.text(name, value)
