"""A local Event Grid namespace: an MQTT broker with topic spaces and permission bindings, without an Azure account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from azmqtt import _core
from azmqtt._local.service import LocalService, check_place
from azmqtt._namespace.authentication import AuthenticationMixin
from azmqtt._namespace.certificates import CertificatesMixin
from azmqtt._namespace.clients import ClientsMixin
from azmqtt._namespace.faults import FaultsMixin
from azmqtt._namespace.life_cycle import LifeCycleMixin
from azmqtt._namespace.management import ManagementMixin
from azmqtt._namespace.messages import MessagesMixin
from azmqtt._namespace.packets import PacketsMixin
from azmqtt._namespace.permissions import PermissionsMixin
from azmqtt._support.arguments import checked, list_of_texts, seconds_within, within
from azmqtt._support.arguments import port as port_argument
from azmqtt._support.pem import read_pem

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from azmqtt._hub_certificates import DeviceCertificate

_HOUR = 3600
_DAY = 86_400

#: How many messages are recorded by default.
_MOST_MESSAGES = 100_000


@checked
class LocalNamespace(
    ClientsMixin,
    CertificatesMixin,
    AuthenticationMixin,
    PermissionsMixin,
    ManagementMixin,
    MessagesMixin,
    LifeCycleMixin,
    PacketsMixin,
    FaultsMixin,
    LocalService,
):
    """An Event Grid namespace on this machine: MQTT 5 and 3.1.1 over TLS and WebSockets, as the service speaks it.

    The constructor starts it on its own thread. It listens until :meth:`close` or the end of a ``with`` block::

        with azmqtt.LocalNamespace() as namespace:
            namespace.create_topic_space("ContosoTopicSpace", ["contosotopics/topic1"])
            namespace.create_permission_binding(
                "contosopublisherbinding", topic_space_name="ContosoTopicSpace", permission="Publisher"
            )
            with namespace.mqtt_client("client1") as client:
                client.publish("contosotopics/topic1", {"temperature": 21.5})

    Clients may not publish or subscribe until a permission binding allows it.

    Args:
        host: The address to listen on. The default accepts connections from this machine only.
        port: The TCP port of MQTT; 0 picks a free one.
        https_port: The TCP port of HTTPS, for MQTT over WebSockets; 0 picks a free one.
        state: A directory that keeps the certificate authority and resources across restarts, created if it is missing.
            Sessions, messages and role assignments are lost when the namespace stops.
        hostname: The name in the certificate, with which clients connect.
        record: Whether the namespace keeps published messages (the newest 100,000 or 64 MiB) for :meth:`messages`. A
            number is the maximum number of messages to keep.
        record_packets: Whether it keeps every MQTT packet (the newest 100,000 or 64 MiB) for :meth:`packets`.
        units: The number of throughput units, 1 to 40. They determine the limits of clients, sessions and retained
            messages.
        limits: ``"service"`` enforces the service's rates, too, such as 1,000 messages a second from a session;
            ``"sizes"`` enforces all limits except the rates.
        maximum_session_expiry_in_hours: The longest time that a session is kept without a connection, 1 to 8 hours.
        maximum_client_sessions_per_authentication_name: 1 to 100; sessions without a connection count.
        propagation: Seconds until a change of clients, groups, topic spaces or bindings takes effect. The service takes
            minutes.
        operation_time: Duration of operations of the management API in seconds, so that pollers see ``Creating``
            before ``Succeeded``. A change still takes effect at once.
        allow_remote: Allow webhooks on other machines, in files, in the management API and in :meth:`set_webhook`.
        webhook_trust: Roots to trust for webhooks, besides the system's and this namespace's own authority
            (:attr:`ca_file`): the path of a PEM file, or its content.
        allowed_origins: Origins of web pages that may connect over WebSockets, besides those of this machine, such as
            ``"https://example.com"``.
        behaviours: Choices where the service's behaviour is unknown, such as ``{"denied_subscribe": "unspecified"}``.
            The docs list their names ("What the local namespace does and does not do").

    Raises:
        OSError: The port is in use, or a file cannot be read or written.
        ValueError: An argument is out of range, or a file of the state directory is damaged. The text names it.
    """

    _KIND = "namespace"
    _HALVES = ("_core", "_messages", "_life_cycle", "_packets", "_faults")

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        https_port: int = 0,
        state: str | os.PathLike[str] | None = None,
        hostname: str = "localhost",
        record: bool | int = True,
        record_packets: bool = False,
        units: int = 1,
        limits: Literal["sizes", "service"] = "sizes",
        maximum_session_expiry_in_hours: int = 1,
        maximum_client_sessions_per_authentication_name: int = 1,
        propagation: float = 0,
        operation_time: float = 0,
        allow_remote: bool = False,
        webhook_trust: str | bytes | os.PathLike[str] | None = None,
        allowed_origins: Sequence[str] = (),
        behaviours: Mapping[str, str] | None = None,
    ) -> None:
        """Start the namespace."""
        check_place(host, state)
        port_argument("port", port, 0)
        port_argument("https_port", https_port, 0)
        most_messages = _MOST_MESSAGES if record is True else int(record)
        within("record", most_messages, 0, _MOST_MESSAGES)
        within("units", units, 1, 40)
        if limits not in ("sizes", "service"):
            raise ValueError(f"limits must be 'sizes' or 'service', not {limits!r}")
        within("maximum_session_expiry_in_hours", maximum_session_expiry_in_hours, 1, 8)
        sessions = maximum_client_sessions_per_authentication_name
        within("maximum_client_sessions_per_authentication_name", sessions, 1, 100)
        seconds_within("propagation", propagation, 0, _DAY)
        seconds_within("operation_time", operation_time, 0, _DAY)
        options = {
            "host": host,
            "port": port,
            "https_port": https_port,
            "hostname": hostname,
            "state_dir": state,
            "limits": (units, limits == "service"),
            "sessions_per_name": sessions,
            "session_expiry": maximum_session_expiry_in_hours * _HOUR,
            "propagation": propagation,
            "operation_time": operation_time,
            "allow_remote": allow_remote,
            "webhook_roots": None if webhook_trust is None else read_pem("webhook_trust", webhook_trust),
            "allowed_origins": list_of_texts("allowed_origins", allowed_origins),
            "keep_messages": most_messages,
            "keep_packets": record_packets,
            "behaviours": list((behaviours or {}).items()),
        }
        self._core = self._start(lambda: _core.Namespace(options), state, port=port, https_port=https_port)
        self._messages = _core.MessageLog(self._core)
        self._life_cycle = _core.LifeCycleEvents(self._core)
        self._packets = _core.NamespacePackets(self._core)
        self._faults = _core.NamespaceFaults(self._core)
        self._certificates: dict[str, DeviceCertificate] = {}
        self._allow_remote = allow_remote
        self._own(self._core)

    def _repr_html_(self) -> str:
        """Show the addresses and clients in Jupyter, without keys."""
        from azmqtt._support import html

        return html.namespace(self)

    def _census(self) -> str:
        return f"{len(self._core.clients())} clients"

    @property
    def https_port(self) -> int:
        """The TCP port of HTTPS, for MQTT over WebSockets and all other HTTPS requests."""
        return self._core.https_port

    @property
    def last_refusal(self) -> str | None:
        """A text that explains why the namespace refused the last connection that it refused. Clients do not see it."""
        return self._core.last_refusal
