"""Devices of the development hub, found and made over its REST API."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, NamedTuple

from azmqtt._errors import RequestFailed
from azmqtt._rest.https import Advice, path
from azmqtt._rest.service import HUB, Service, ServiceApi
from azmqtt._support import dev_state
from azmqtt._support.connection_string import parts

_ADVICE = Advice(
    untrusted=f"another hub listens there, not the one of '{dev_state.COMMANDS['hub']}'",
    refused=f"start the development hub with '{dev_state.COMMANDS['hub']}'",
    no_http="another program listens there, not the development hub",
)

#: Seconds for a request, if the client has no timeout of its own. It is this machine that answers.
_TIMEOUT = 30.0


class DevIdentity(NamedTuple):
    """A device or module with its key, and where to connect as such."""

    hub: dev_state.DevHub
    device_id: str
    module_id: str | None
    key: str

    def __repr__(self) -> str:
        """Say who it is, without the key."""
        return f"<DevIdentity {self.device_id} of {self.hub!r}>"

    @property
    def connection_string(self) -> str:
        """That of the device or module, a secret."""
        module = f";ModuleId={self.module_id}" if self.module_id is not None else ""
        return f"HostName={self.hub.hostname};DeviceId={self.device_id}{module};SharedAccessKey={self.key}"

    def options(self, *, websocket: bool) -> dict[str, Any]:
        """Return the options of a client that lead to the hub."""
        port = self.hub.websocket_port if websocket else self.hub.port
        return {"trust": self.hub.ca_file, "port": port, "https_port": self.hub.websocket_port}


def service(timeout: float | None = None, kind: Service = HUB) -> ServiceApi:
    """Return the development hub, or its provisioning service, as back-end applications see it.

    Raises:
        FileNotFoundError: No such hub was ever started; says how.
        PermissionError: Others can read or write its file.
        ValueError: Its file is damaged.
    """
    hub = dev_state.dev_hub()
    if kind is HUB:
        return _service(hub, timeout)
    text = dev_state.text("hub", dev_state.read("hub"), "provisioning_service_connection_string")
    return ServiceApi(parts(text), kind, trust=hub.ca_file, timeout=timeout or _TIMEOUT, advice=_ADVICE)


def identity(device_id: str, module_id: str | None = None, timeout: float | None = None) -> DevIdentity:
    """Find a device or module, made if it is missing.

    Args:
        device_id: The device.
        module_id: Its module, if that is meant.
        timeout: For a request, in seconds.

    Raises:
        FileNotFoundError: No such hub was ever started; says how.
        PermissionError: Others can read or write its file.
        OSError: It does not run; says how to start it.
        RequestFailed: The id is not valid.
        ValueError: Its file is damaged, or the device has no key.
    """
    hub = dev_state.dev_hub()
    api = _service(hub, timeout)
    found = _found_or_made(api, path("devices", device_id), {"deviceId": device_id})
    if module_id is not None:
        body = {"deviceId": device_id, "moduleId": module_id}
        found = _found_or_made(api, path("devices", device_id, "modules", module_id), body)
    key = ((found.get("authentication") or {}).get("symmetricKey") or {}).get("primaryKey")
    if not key:
        raise ValueError(f"{device_id} has no key on the development hub: it connects with a certificate")
    return DevIdentity(hub, device_id, module_id, key)


def _service(hub: dev_state.DevHub, timeout: float | None) -> ServiceApi:
    return ServiceApi(
        parts(hub.service_connection_string), trust=hub.ca_file, timeout=timeout or _TIMEOUT, advice=_ADVICE
    )


def _found_or_made(api: ServiceApi, where: str, identity: dict[str, Any]) -> dict[str, Any]:
    found = _found(api, where)
    if found is None:
        try:
            found = api.request("PUT", where, identity)[0]
        except RequestFailed as error:
            # Another process was quicker.
            if error.status != HTTPStatus.CONFLICT or (found := _found(api, where)) is None:
                raise
    return found


def _found(api: ServiceApi, where: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = api.request("GET", where)[0]
    except RequestFailed as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise
    return found
