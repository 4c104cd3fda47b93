"""The management API of a local namespace: its address and token, and files of resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azmqtt import _core

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

#: The largest accepted file of resources, in bytes.
_LONGEST = 64 << 20


class ManagementMixin:
    """The management API of :class:`~azmqtt.LocalNamespace`."""

    _core: _core.Namespace

    if TYPE_CHECKING:

        def _check_running(self) -> None: ...

    @property
    def management_url(self) -> str:
        """The address of the management API, such as ``https://localhost:443``.

        Pass it as ``base_url=`` to ``EventGridManagementClient`` of the package azure-mgmt-eventgrid.
        """
        return self._core.management_url

    @property
    def resource_id(self) -> str:
        """The resource id: ``/subscriptions/…/resourceGroups/…/providers/Microsoft.EventGrid/namespaces/…``."""
        return self._core.resource_id

    @property
    def token(self) -> str:
        """The bearer token of the management API: a secret, new at each start."""
        return self._core.token

    def page_url(self) -> str:
        """Return a secret link that opens the namespace's page in a browser on this machine.

        The link works once, within a minute: ``webbrowser.open(namespace.page_url())``. The tab has full access to the
        namespace: it keeps a token that is valid until the namespace stops.

        Raises:
            RuntimeError: The namespace is stopped.
        """
        self._check_running()
        return self._core.page_url()

    def apply(self, resources: Mapping[str, Any] | str | os.PathLike[str]) -> None:
        """Create or change resources, given in the JSON of the management API. Other resources stay as they are.

        Args:
            resources: ``{"clients": [{"name": "client1", "properties": {…}}], "topicSpaces": […]}``, with the lists
                ``caCertificates``, ``clients``, ``clientGroups``, ``topicSpaces`` and ``permissionBindings``, and
                ``namespace`` with changes of the namespace itself; or the path of a file that contains these as JSON,
                or as YAML if its name ends in ``.yaml`` or ``.yml`` and PyYAML is installed
                (``pip install azmqtt[yaml]``).

        Raises:
            OSError: The file cannot be read.
            ValueError: An entry is invalid. The text names it. The entries before it have been applied.
            ModuleNotFoundError: The file is YAML, and PyYAML is missing.
        """
        from collections.abc import Mapping

        self._check_running()
        self._core.apply(_json(resources) if isinstance(resources, Mapping) else _json_of_file(resources))


def _json(resources: Any) -> str:
    return _core.json_text("resources", resources, None)


def _json_of_file(path: str | os.PathLike[str]) -> str:
    import os

    name = os.fspath(path)
    with open(name, "rb") as file:  # noqa: PTH123 - as elsewhere
        content = file.read(_LONGEST + 1)
    if len(content) > _LONGEST:
        raise ValueError(f"{name} has more than {_LONGEST} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{name} is not UTF-8") from None
    if not name.lower().endswith((".yaml", ".yml")):
        return text
    from importlib import import_module

    try:
        yaml = import_module("yaml")
    except ModuleNotFoundError:
        raise ModuleNotFoundError(f"{name} is YAML, which needs PyYAML: pip install azmqtt[yaml]") from None
    try:
        return _json(yaml.safe_load(text))
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{name} cannot be read: {' '.join(str(error).split())}") from None
