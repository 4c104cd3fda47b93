"""The options of the transport to a broker: proxies, WebSockets, and the errors of what cannot be reached."""

from __future__ import annotations

import os
import socket
import ssl
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote

#: Step, the system's error number, whether TCP took too long, whether it was the certificate, and the reason.
Failure: TypeAlias = tuple[str, int | None, bool, bool, str]

Headers: TypeAlias = Mapping[str, str] | Callable[[dict[str, str]], Mapping[str, str]]

# PySocks' numbers.
_SOCKS4, _SOCKS5, _HTTP = 1, 2, 3


class WebsocketConnectionError(ConnectionError, ValueError):
    """The server did not take the upgrade to a WebSocket."""


def proxy_url(options: Mapping[str, Any]) -> str:
    """Make the URL of a proxy from PySocks' options.

    Raises:
        ValueError: They name no proxy.
        NotImplementedError: They name one that is not supported.
    """
    known = {"proxy_type", "proxy_addr", "proxy_port", "proxy_rdns", "proxy_username", "proxy_password"}
    if unknown := options.keys() - known:
        raise ValueError(f"unknown option of a proxy: {min(unknown)}")
    kind, host = options.get("proxy_type"), options.get("proxy_addr")
    if kind == _SOCKS4:
        raise NotImplementedError("proxy_type: SOCKS4 is not supported; most proxies that speak it speak SOCKS5 too")
    if kind not in {_SOCKS5, _HTTP}:
        raise ValueError("proxy_type must be 2 (socks.SOCKS5) or 3 (socks.HTTP)")
    if not isinstance(host, str) or not host:
        raise ValueError("proxy_addr must be the proxy's host")
    if options.get("proxy_rdns") is False:
        raise NotImplementedError("proxy_rdns: names are always looked up by the proxy; leave it out")
    port = options.get("proxy_port") or (1080 if kind == _SOCKS5 else 8080)
    user, password = options.get("proxy_username"), options.get("proxy_password")
    login = "" if user is None else f"{quote(user, safe='')}:{quote(password or '', safe='')}@"
    address = f"[{host}]" if ":" in host else host
    return f"{'socks5' if kind == _SOCKS5 else 'http'}://{login}{address}:{port}"


def header_fields(headers: Headers | None, host: str, port: int) -> list[tuple[str, str]]:
    """Return the header fields that an application adds to the upgrade.

    Like paho, a function gets the fields that are sent anyway; what it changes of the protocol's own is left as it is.
    """
    if headers is None:
        return []
    own = {"Host": f"{host}:{port}", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-Websocket-Version": "13"}
    own["Sec-Websocket-Protocol"] = "mqtt"
    asked = headers(dict(own)) if callable(headers) else headers
    protocol = {name.lower() for name in own} | {"sec-websocket-key", "sec-websocket-extensions"}
    return [(str(name), str(value)) for name, value in asked.items() if name.lower() not in protocol]


def error(failure: Failure) -> OSError:
    """Return the exception that paho raises when a step fails, as far as it can be told."""
    step, number, timed_out, bad_certificate, reason = failure
    text = f"{step} failed: {reason}"
    if step == "DNS":
        return socket.gaierror(socket.EAI_NONAME, text)
    if step == "TLS":
        return ssl.SSLCertVerificationError(1, text) if bad_certificate else ssl.SSLError(1, text)
    if step == "WebSocket":
        return WebsocketConnectionError(text)
    if timed_out:
        return TimeoutError(text)
    if number is not None:
        # The number makes Python choose the class: ConnectionRefusedError, for one. On Windows the fourth argument is
        # what counts, and `strerror` knows nothing of sockets; the reason has the words.
        words = text if sys.platform == "win32" else f"{os.strerror(number)}: {text}"
        return OSError(number, words, None, number)
    return ConnectionError(text)
