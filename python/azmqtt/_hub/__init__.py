"""A local IoT Hub: the device-facing services of Azure IoT Hub on this machine, without an Azure account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from azmqtt import _core
from azmqtt._hub.assertions import AssertionsMixin
from azmqtt._hub.certificates import CertificatesMixin
from azmqtt._hub.connections import ConnectionsMixin
from azmqtt._hub.devices import DevicesMixin
from azmqtt._hub.faults import FaultsMixin
from azmqtt._hub.modules import ModulesMixin
from azmqtt._hub.packets import PacketsMixin
from azmqtt._hub.provisioning import Policy, ProvisioningMixin
from azmqtt._hub.query import QueriesMixin
from azmqtt._hub.service import ServiceMixin
from azmqtt._local.service import LocalService, check_place
from azmqtt._support.arguments import brief, checked, function_or_none, list_of_texts, within
from azmqtt._support.arguments import port as port_argument

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from azmqtt._client import DeviceClient

#: IoT Hub docs, "Choose the right IoT Hub tier": free, basic, standard.
_TIERS = ("F1", "B1", "B2", "B3", "S1", "S2", "S3")


@checked
class LocalHub(
    ConnectionsMixin,
    DevicesMixin,
    ServiceMixin,
    QueriesMixin,
    ModulesMixin,
    CertificatesMixin,
    FaultsMixin,
    ProvisioningMixin,
    PacketsMixin,
    AssertionsMixin,
    LocalService,
):
    """A hub on this machine that speaks MQTT over TLS as Azure IoT Hub does.

    The constructor starts the hub on its own thread. It listens until :meth:`close` or the end of a ``with`` block::

        with azmqtt.LocalHub() as hub, hub.device_client("dev1") as client:
            client.send_message({"temperature": 21.5})
            print(hub.wait_for_telemetry("dev1")[0].json())

    Args:
        host: The address to listen on. The default accepts connections from this machine only.
        port: The TCP port; 0 picks a free one.
        websocket_port: The TCP port of HTTPS, for MQTT over WebSockets; 0 picks a free one.
        service_port: The TCP port of HTTPS for back-end applications, with the service's REST API; 0 picks a free one.
            It may equal ``websocket_port``: each port serves every HTTPS request.
        state: A directory that keeps devices, keys, certificates, twins and queued cloud-to-device messages across
            restarts. The hub creates it if it is missing. Without a directory, all of them are lost when the hub stops.
        hostname: The name in connection strings and in the certificate.
        record: Whether the hub keeps telemetry (the newest 100,000 messages or 64 MiB) or only counts it.
        record_packets: Whether the hub keeps every MQTT packet (the newest 100,000 or 64 MiB) for :meth:`packets`.
        provisioning_host: The address that the provisioning service listens on. Defaults to ``host``.
        provisioning_port: The TCP port of the provisioning service; 0 picks a free one.
        c2d_lock: Seconds after which the hub sends an unacknowledged cloud-to-device message again. On Azure, the
            lock always lasts 60 seconds.
        c2d_ttl: The default time to live of a cloud-to-device message in seconds. The service accepts 60 to 172,800.
        c2d_max_delivery_count: How many connections may end during the delivery of a message before the hub gives the
            message up; 1 to 100.
        c2d_feedback_interval: Seconds that the hub collects feedback before it delivers a batch of fewer than 64
            records over REST. :meth:`feedback` returns each record at once.
        clean_session_purges: Whether a CONNECT with CleanSession 1 empties the device's message queue.
        tier: The tier: F1, B1, B2, B3, S1, S2 or S3. Basic tiers have no twins, methods and cloud-to-device
            messages (403010).
        units: The number of units of that tier.
        throttling: Whether the hub enforces the tier's rates and daily quota, as in the IoT Hub docs, "quotas and
            throttling".
        throttle_burst: For how many seconds traffic may exceed the rates twofold before it is delayed.
        throttle_patience: Seconds that a device's messages may be delayed before the hub ends the connection.
        disabled_return_code: The return code of CONNACK for a disabled device: 3 (server unavailable) or 5 (not
            authorized). The service has been observed to send both.
        allowed_origins: Origins of web pages that may open WebSockets, besides those of this machine, such as
            ``https://example.com``.
        json_default: A function that encodes values in patches, payloads, messages and initial twins that JSON has no
            type for. It is called before the built-in conversions, as for a client: see
            :class:`~azmqtt.ClientOptions`. The clients from :meth:`device_client` have their own.

    Raises:
        OSError: The port is in use, or a file cannot be read or written.
        ValueError: An argument is out of range, or a file of the state directory is damaged. The text names it.
    """

    _KIND = "hub"
    _HALVES = ("_core", "_packets", "_provisioning", "_faults")

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        websocket_port: int = 0,
        service_port: int = 0,
        state: str | os.PathLike[str] | None = None,
        hostname: str = "localhost",
        record: bool = True,
        record_packets: bool = False,
        provisioning_host: str | None = None,
        provisioning_port: int = 0,
        c2d_lock: float = 60,
        c2d_ttl: float = 3600,
        c2d_max_delivery_count: int = 10,
        c2d_feedback_interval: float = 15,
        clean_session_purges: bool = True,
        tier: str = "S1",
        units: int = 1,
        throttling: bool = False,
        throttle_burst: float = 60,
        throttle_patience: float = 60,
        disabled_return_code: Literal[3, 5] = 3,
        allowed_origins: Sequence[str] = (),
        json_default: Callable[[Any], Any] | None = None,
    ) -> None:
        """Start the hub."""
        check_place(host, state)
        port_argument("port", port, 0)
        port_argument("websocket_port", websocket_port, 0)
        port_argument("service_port", service_port, 0)
        port_argument("provisioning_port", provisioning_port, 0)
        within("c2d_max_delivery_count", c2d_max_delivery_count, 1, 100)
        if tier not in _TIERS:
            raise ValueError(f"tier must be {', '.join(_TIERS[:-1])} or {_TIERS[-1]}, not {tier!r}")
        within("units", units, 1, 200)
        if disabled_return_code not in (3, 5):
            raise ValueError(f"disabled_return_code must be 3 or 5, not {brief(disabled_return_code)}")
        self._json_default = function_or_none("json_default", json_default)
        cloud = {
            "lock": c2d_lock,
            "ttl": c2d_ttl,
            "max_deliveries": c2d_max_delivery_count,
            "feedback_interval": c2d_feedback_interval,
            "clean_session_purges": clean_session_purges,
        }
        options = {
            "host": host,
            "port": port,
            "websocket_port": websocket_port,
            "service_port": service_port,
            "hostname": hostname,
            "state_dir": state,
            "allowed_origins": list_of_texts("allowed_origins", allowed_origins),
            "keep_messages": record,
            "keep_packets": record_packets,
            "cloud": cloud,
            "throttling": (tier, units, throttling, throttle_burst, throttle_patience),
            "disabled_is_not_authorized": disabled_return_code == 5,  # noqa: PLR2004 - MQTT's number
            "provisioning": (provisioning_host, provisioning_port),
        }
        self._core = self._start(
            lambda: _core.Hub(options),
            state,
            port=port,
            websocket_port=websocket_port,
            service_port=service_port,
            provisioning_port=provisioning_port,
        )
        self._packets = _core.PacketLog(self._core)
        self._provisioning = _core.ProvisioningService(self._core, json_default)
        self._faults = _core.HubFaults(self._core)
        self._policy = Policy()
        self._own(self._core)

    def _census(self) -> str:
        return f"{len(self._core.device_ids())} devices"

    def _repr_html_(self) -> str:
        """Show the addresses and devices in Jupyter, without keys."""
        from azmqtt._support import html

        return html.hub(self)

    @property
    def websocket_port(self) -> int:
        """The TCP port of HTTPS, for MQTT over WebSockets and all other HTTPS requests."""
        return self._core.websocket_port

    @property
    def service_port(self) -> int:
        """The TCP port of HTTPS for back-end applications, with the service's REST API."""
        return self._core.service_port

    @property
    def service_connection_string(self) -> str:
        """The connection string for back-end applications, a secret.

        It reads ``HostName=…;SharedAccessKeyName=iothubowner;SharedAccessKey=…``. The host name includes
        :attr:`service_port`, unless that is 443.
        """
        return self._core.service_connection_string

    def policy_connection_string(self, name: str = "service") -> str:
        """Return :attr:`service_connection_string` for another shared access policy, a secret.

        The hub has the policies of a new IoT Hub: ``iothubowner`` has every right, ``service`` those of back-end
        applications (twins, methods, messages), ``registryRead`` and ``registryReadWrite`` read and change
        identities, and ``device`` connects as any device. The state directory, if any, keeps their keys.

        Raises:
            LookupError: The policy does not exist.
        """
        return self._core.policy_connection_string(name)

    def page_url(self) -> str:
        """Return a secret link that opens the hub's page in a browser on this machine.

        The link works once, within a minute: ``webbrowser.open(hub.page_url())``. The tab has full access to the hub:
        it keeps a token that is valid until the hub stops.

        Raises:
            RuntimeError: The hub is stopped.
        """
        return self._core.page_url()

    def device_client(self, device_id: str, *, module_id: str | None = None, **options: Any) -> DeviceClient:
        """Return a client for a device or module. The client connects on its first call.

        The hub creates the device or module if it does not exist.

        Args:
            device_id: The device's id.
            module_id: The module's id, to get a client for a module.
            **options: Passed on to :meth:`azmqtt.DeviceClient.from_connection_string`.

        Raises:
            RuntimeError: The hub is stopped.
        """
        from azmqtt._client import DeviceClient

        self._check_running()
        if not self._core.has_device(device_id):
            self._core.create_device(device_id, None)
        if module_id is not None and not self._core.has_module(device_id, module_id):
            self._core.create_module(device_id, module_id, None)
        port = self.websocket_port if options.get("websocket") else self.port
        options = {"trust": self.ca_file, "port": port, "https_port": self.websocket_port, **options}
        connection_string = self._core.connection_string(device_id, module_id)
        return DeviceClient.from_connection_string(connection_string, **options)
