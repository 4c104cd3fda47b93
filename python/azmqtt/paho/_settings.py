"""The settings of a client before it connects."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from azmqtt._support.arguments import not_negative, within
from azmqtt.paho import _security, _transport_options
from azmqtt.paho._callbacks import Callbacks
from azmqtt.paho._enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from azmqtt.paho._messages import PayloadType, encode_payload
from azmqtt.paho._topics import check_topic

if TYPE_CHECKING:
    import ssl

    from typing_extensions import Self

_MAX_KEEPALIVE = 65_535


class Will(NamedTuple):
    """The message that the broker publishes if this client disconnects without DISCONNECT."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


def check_qos(qos: int) -> int:
    """Check a quality of service, and return it.

    Raises:
        ValueError: It is invalid.
        NotImplementedError: It is 2.
    """
    if qos not in {0, 1, 2}:
        raise ValueError("qos must be 0 or 1")
    if qos == 2:  # noqa: PLR2004 - it is not a magic number
        raise NotImplementedError(
            "qos=2 is not supported: this client is for IoT Hub, which closes the connection; use qos=1"
        )
    return int(qos)


def check_host(host: str) -> str:
    """Check a host or the path of a Unix socket, and return it.

    Raises:
        ValueError: It is invalid.
    """
    if not host:
        raise ValueError("host must be the broker's name or address")
    return host


def check_port(port: int) -> int:
    """Check a TCP port, and return it.

    Raises:
        ValueError: It is invalid.
    """
    within("port", port, 1, 65_535)
    return port


def check_keepalive(keepalive: int) -> int:
    """Check a keep-alive interval, and return it.

    Raises:
        ValueError: It is invalid.
    """
    within("keepalive", keepalive, 0, _MAX_KEEPALIVE, "s")
    return keepalive


def check_transport(transport: str) -> str:
    """Check a transport, and return it in lower case.

    Raises:
        ValueError: It is invalid.
        NotImplementedError: It is `unix`, and this system has no Unix sockets.
    """
    name = transport.lower()
    if name not in {"tcp", "websockets", "unix"}:
        raise ValueError(f"transport must be tcp, websockets or unix, not {transport!r}")
    if name == "unix" and sys.platform == "win32":
        raise NotImplementedError("transport: this system has no Unix sockets")
    return name


def check_properties(properties: object) -> None:
    """Refuse the properties of MQTT 5.

    Raises:
        NotImplementedError: Properties are given.
    """
    if properties is not None:
        raise NotImplementedError("properties are for MQTT 5, which is not supported")


class Settings(Callbacks):
    """The settings of a client. They take effect with the next connection."""

    def __init__(self, version: CallbackAPIVersion, userdata: Any, transport: str) -> None:
        super().__init__(version, userdata)
        self._transport = transport
        self._protocol = MQTTProtocolVersion.MQTTv311
        #: The number of the current connection.
        self._connection: int | None = None
        self._client_id = ""
        self._clean_session = True
        self._host = ""
        self._port = 1883
        self._keepalive = 60
        self._username: str | None = None
        self._password: str | bytes | None = None
        self._will: Will | None = None
        self._tls: _security.Tls | None = None
        self._proxy: str | None = None
        self._websocket_path = "/mqtt"
        self._websocket_headers: _transport_options.Headers | None = None
        self._min_delay: float = 1
        self._max_delay: float = 120
        self._delay: float | None = None
        self._manual_ack = False
        #: The timeout of a TCP connection to one address, in seconds.
        self.connect_timeout: float = 5.0
        self.max_queued_messages: int = 0

    def _check_no_connection(self, name: str) -> None:
        if self._connection is not None:
            raise RuntimeError(f"{name} cannot be changed while there is a connection")

    @property
    def host(self) -> str:
        """The broker's host. During a connection, host, port, keepalive and transport cannot be changed."""
        return self._host

    @host.setter
    def host(self, value: str) -> None:
        self._check_no_connection("host")
        self._host = check_host(value)

    @property
    def port(self) -> int:
        """The broker's port."""
        return self._port

    @port.setter
    def port(self, value: int) -> None:
        self._check_no_connection("port")
        self._port = check_port(value)

    @property
    def keepalive(self) -> int:
        """The keep-alive interval in seconds."""
        return self._keepalive

    @keepalive.setter
    def keepalive(self, value: int) -> None:
        self._check_no_connection("keepalive")
        self._keepalive = check_keepalive(value)

    @property
    def transport(self) -> str:
        """`tcp`, `websockets` or `unix`."""
        return self._transport

    @transport.setter
    def transport(self, value: str) -> None:
        self._check_no_connection("transport")
        self._transport = check_transport(value)

    @property
    def protocol(self) -> MQTTProtocolVersion:
        """The MQTT version: 3.1.1 or 3.1."""
        return self._protocol

    @property
    def username(self) -> str | None:
        """The user name."""
        return self._username

    @username.setter
    def username(self, value: str | None) -> None:
        self._username = value

    @property
    def password(self) -> str | None:
        """The password, if it is text."""
        return self._password.decode() if isinstance(self._password, bytes) else self._password

    @password.setter
    def password(self, value: str | None) -> None:
        self._password = value

    @property
    def will_topic(self) -> str | None:
        """The topic of the will."""
        return None if self._will is None else self._will.topic

    @property
    def will_payload(self) -> bytes | None:
        """The payload of the will."""
        return None if self._will is None else self._will.payload

    def username_pw_set(self, username: str | None, password: str | bytes | bytearray | None = None) -> None:
        """Set the user name and password for the broker."""
        self._username = username
        self._password = bytes(password) if isinstance(password, bytearray) else password

    def will_set(
        self, topic: str, payload: PayloadType = None, qos: int = 0, retain: bool = False, properties: object = None
    ) -> None:
        """Set the message that the broker publishes if this client disconnects without DISCONNECT.

        Raises:
            ValueError: An argument is invalid.
            NotImplementedError: `qos` is 2, or `properties` is given.
        """
        check_properties(properties)
        self._will = Will(check_topic(topic), encode_payload(payload), check_qos(qos), bool(retain))

    def will_clear(self) -> None:
        """Remove the will."""
        self._will = None

    def tls_set(
        self,
        ca_certs: str | None = None,
        certfile: str | None = None,
        keyfile: str | None = None,
        cert_reqs: ssl.VerifyMode | None = None,
        tls_version: int | None = None,
        ciphers: str | None = None,
        keyfile_password: str | bytes | None = None,
        alpn_protocols: list[str] | None = None,
    ) -> None:
        """Enable TLS.

        Args:
            ca_certs: A file of roots in PEM or DER; the bundled roots and the system's by default.
            certfile: A file with the client's certificate, in PEM or DER.
            keyfile: A file with its key; by default the key is in `certfile`.
            cert_reqs: `ssl.CERT_NONE` disables all checks.
            tls_version: `ssl.PROTOCOL_TLSv1_2` allows only this version.
            ciphers: Not supported.
            keyfile_password: The passphrase of an encrypted key.
            alpn_protocols: The protocols to offer in ALPN (RFC 7301).

        Raises:
            OSError: A file cannot be read.
            ValueError: An argument is invalid, or TLS is already enabled.
            NotImplementedError: `ciphers` is given.
        """
        self._set_tls(
            _security.from_arguments(
                ca_certs, certfile, keyfile, cert_reqs, tls_version, ciphers, keyfile_password, alpn_protocols
            )
        )

    def tls_set_context(self, context: ssl.SSLContext | None = None) -> None:
        """Enable TLS with the roots, versions and checks of a context.

        The client certificate, ciphers and ALPN cannot be read from a context: use `tls_set` for those.

        Raises:
            ValueError: The roots cannot be read from the context, or TLS is already enabled.
        """
        self._set_tls(_security.from_context(context))

    def _set_tls(self, tls: _security.Tls) -> None:
        if self._tls is not None:
            raise ValueError("TLS is already configured")
        self._tls = tls

    def tls_insecure_set(self, value: bool) -> None:
        """Accept a broker certificate for any host name, if ``value`` is true.

        Any server with a certificate from a trusted root can then pose as the broker.

        Raises:
            ValueError: TLS is not enabled.
        """
        if self._tls is None:
            raise ValueError("call tls_set or tls_set_context first")
        self._tls.allow_any_name(value)

    def tls_common_name_set(self, value: bool) -> None:
        """Accept the host name in the common name of a broker's certificate that has no subjectAltName (``False``).

        paho checks host names in this way, as was usual before RFC 9525. Both accept an IP address only in
        subjectAltName. paho does not have this method.

        Raises:
            ValueError: TLS is not enabled.
        """
        if self._tls is None:
            raise ValueError("call tls_set or tls_set_context first")
        self._tls.allow_common_name(value)

    def proxy_set(self, **proxy_args: Any) -> None:
        """Connect through a proxy, named by PySocks' options: `proxy_type`, `proxy_addr`, `proxy_port`,
        `proxy_username`, `proxy_password`. PySocks itself is not needed: 2 is SOCKS5, 3 is HTTP.

        Raises:
            ValueError: The options name no proxy.
            NotImplementedError: The proxy is SOCKS4, or the options ask for local DNS look-ups.
        """  # noqa: D205
        self._proxy = _transport_options.proxy_url(proxy_args)

    def ws_set_options(self, path: str | None = "/mqtt", headers: _transport_options.Headers | None = None) -> None:
        """Set the path and header fields of the WebSocket upgrade.

        Args:
            path: The broker's path for WebSockets; `/mqtt` if `None`.
            headers: Additional header fields, or a function that takes the default fields and returns all fields.

        Raises:
            ValueError: `headers` is neither a mapping nor a function.
        """
        if headers is not None and not callable(headers) and not isinstance(headers, dict):
            raise ValueError("headers must be a dict, or a function that takes and returns one")
        self._websocket_path, self._websocket_headers = "/mqtt" if path is None else path, headers

    def reconnect_delay_set(self, min_delay: float = 1, max_delay: float = 120) -> None:
        """Set the first and the longest wait between connection attempts, in seconds. Each wait doubles the last."""
        within("min_delay", min_delay, 0, 10**9)
        within("max_delay", max_delay, 0, 10**9)
        self._min_delay, self._max_delay, self._delay = min_delay, max_delay, None

    def max_queued_messages_set(self, queue_size: int) -> Self:
        """Set how many QoS 1 messages may wait for their PUBACK or a connection; 0 means no limit.

        Raises:
            TypeError: `queue_size` is not an integer.
            ValueError: `queue_size` is negative.
        """
        if not isinstance(queue_size, int):
            raise TypeError("queue_size must be an int")
        not_negative("queue_size", queue_size)
        self.max_queued_messages = queue_size
        return self

    def manual_ack_set(self, on: bool) -> None:
        """Set whether the application acknowledges messages itself, with `ack`."""
        self._manual_ack = on

    def message_retry_set(self, retry: int) -> None:
        """Do nothing, as in paho: messages are sent again after a reconnect."""

    def enable_bridge_mode(self) -> None:
        """Not supported: bridges are not part of MQTT 3.1.1."""
        raise NotImplementedError("bridge mode is not part of MQTT 3.1.1, and not supported")

    def _set_server(self, host: str, port: int, keepalive: int, bind_address: str, bind_port: int) -> None:
        host, port, keepalive = check_host(host), check_port(port), check_keepalive(keepalive)
        if bind_address or bind_port:
            raise NotImplementedError("bind_address and bind_port are not supported: the system chooses them")
        self._host, self._port, self._keepalive = host, port, keepalive

    def _server(self) -> dict[str, Any]:
        websocket = None
        if self._transport == "websockets":
            fields = _transport_options.header_fields(self._websocket_headers, self._host, self._port)
            websocket = (self._websocket_path, fields)
        is_unix = self._transport == "unix"
        if is_unix and (self._tls is not None or self._proxy is not None):
            raise NotImplementedError("transport: a Unix socket works only without TLS and without a proxy")
        return {
            "unix": is_unix,
            "host": self._host,
            "port": self._port,
            "timeout": float(self.connect_timeout),
            "tls": None if self._tls is None else self._tls.build(),
            "proxy": self._proxy,
            "websocket": websocket,
        }

    def _connect_fields(self) -> dict[str, Any]:
        return {
            "level": int(self._protocol),
            "client_id": self._client_id,
            "clean_session": self._clean_session,
            "keepalive": self._keepalive,
            "username": self._username,
            "password": self._password.encode() if isinstance(self._password, str) else self._password,
            "will": self._will,
        }


#: The result of `reconnect` and similar calls.
SUCCESS = MQTTErrorCode.MQTT_ERR_SUCCESS
