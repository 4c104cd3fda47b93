"""The transport options: proxies, WebSockets, and the errors of failed connections."""

from __future__ import annotations

import os
import socket
import ssl
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote

#: The step, the system's error number, whether TCP timed out, whether the certificate was the cause, and the reason.
Failure: TypeAlias = tuple[str, int | None, bool, bool, str]

Headers: TypeAlias = Mapping[str, str] | Callable[[dict[str, str]], Mapping[str, str]]

# The numbers of PySocks.
_SOCKS4, _SOCKS5, _HTTP = 1, 2, 3


class WebsocketConnectionError(ConnectionError, ValueError):
    """The server refused the WebSocket upgrade."""


def proxy_url(options: Mapping[str, Any]) -> str:
    """Return the URL of the proxy in PySocks' options.

    Raises:
        ValueError: The options name no proxy.
        NotImplementedError: The proxy is not supported.
    """
    known = {"proxy_type", "proxy_addr", "proxy_port", "proxy_rdns", "proxy_username", "proxy_password"}
    if unknown := options.keys() - known:
        raise ValueError(f"unknown option of a proxy: {min(unknown)}")
    kind, host = options.get("proxy_type"), options.get("proxy_addr")
    if kind == _SOCKS4:
        raise NotImplementedError("proxy_type: SOCKS4 is not supported; most SOCKS4 proxies support SOCKS5, too")
    if kind not in {_SOCKS5, _HTTP}:
        raise ValueError("proxy_type must be 2 (socks.SOCKS5) or 3 (socks.HTTP)")
    if not isinstance(host, str) or not host:
        raise ValueError("proxy_addr must be the proxy's host")
    if options.get("proxy_rdns") is False:
        raise NotImplementedError("proxy_rdns: names are always looked up by the proxy; omit it")
    port = options.get("proxy_port") or (1080 if kind == _SOCKS5 else 8080)
    user, password = options.get("proxy_username"), options.get("proxy_password")
    login = "" if user is None else f"{quote(user, safe='')}:{quote(password or '', safe='')}@"
    address = f"[{host}]" if ":" in host else host
    return f"{'socks5' if kind == _SOCKS5 else 'http'}://{login}{address}:{port}"


def header_fields(headers: Headers | None, host: str, port: int) -> list[tuple[str, str]]:
    """Return the header fields that an application adds to the upgrade request.

    As in paho, a function gets the default fields. Its changes to the protocol's own fields have no effect.
    """
    if headers is None:
        return []
    own = {"Host": f"{host}:{port}", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-Websocket-Version": "13"}
    own["Sec-Websocket-Protocol"] = "mqtt"
    asked = headers(dict(own)) if callable(headers) else headers
    protocol = {name.lower() for name in own} | {"sec-websocket-key", "sec-websocket-extensions"}
    return [(str(name), str(value)) for name, value in asked.items() if name.lower() not in protocol]


def error(failure: Failure) -> OSError:
    """Return the exception that paho raises for a failed step, as far as it can be determined."""
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
        # Python chooses the class by the number, such as ConnectionRefusedError. On Windows the fourth argument is
        # the one that counts, and `strerror` has no texts for sockets, so the reason provides the text.
        words = text if sys.platform == "win32" else f"{os.strerror(number)}: {text}"
        return OSError(number, words, None, number)
    return ConnectionError(text)
