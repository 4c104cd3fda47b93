"""The pytest plugin: fixtures for a local hub and a local namespace, and packets in the reports of failing tests.

pytest loads it where azmqtt is installed. It does not load a local service until a test uses one.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from azmqtt import LocalHub, LocalNamespace, MqttClient
    from azmqtt.testing import IotHubDevice

#: How many lines of packets are shown: from the beginning, and from the end.
_FIRST_LINES = 20
_LAST_LINES = 80

#: The longest shown line, in characters. Topics contain properties and can have 64 KiB.
_LONGEST_LINE = 300

_HUB: pytest.StashKey[LocalHub] = pytest.StashKey()
_NAMESPACE: pytest.StashKey[LocalNamespace] = pytest.StashKey()
#: The identifier of the device or client that belongs to the test.
_DEVICE: pytest.StashKey[str] = pytest.StashKey()
_CLIENT: pytest.StashKey[str] = pytest.StashKey()
_STARTED: pytest.StashKey[datetime] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the one option."""
    parser.getgroup("azmqtt", "local IoT Hub").addoption(
        "--azmqtt-packets",
        choices=("failed", "all", "off"),
        default="failed",
        help="in whose reports the MQTT packets are shown that went over the fixtures local_hub and local_namespace: "
        "those of tests that failed, of all (with -rA), or of none, without recording them (default: failed)",
    )


@pytest.fixture(scope="session")
def local_hub_options() -> dict[str, Any]:
    """Return the options of ``local_hub``: override it to return arguments of :class:`azmqtt.LocalHub`."""
    return {}


@pytest.fixture(scope="session")
def local_hub(local_hub_options: dict[str, Any], pytestconfig: pytest.Config) -> Iterator[LocalHub]:
    """Return a local IoT Hub on free ports of this machine. All tests of a run share it.

    With pytest-xdist, each worker has its own. The hub records packets.
    """
    import azmqtt

    record = pytestconfig.getoption("--azmqtt-packets") != "off"
    with azmqtt.LocalHub(**{"record_packets": record, **local_hub_options}) as hub:
        pytestconfig.stash[_HUB] = hub
        try:
            yield hub
        finally:
            del pytestconfig.stash[_HUB]


@pytest.fixture
def iothub_device(local_hub: LocalHub, request: pytest.FixtureRequest) -> Iterator[IotHubDevice]:
    """Return a device on ``local_hub`` for this test alone: see :class:`azmqtt.testing.IotHubDevice`."""
    from azmqtt.testing import IotHubDevice

    try:
        device = IotHubDevice(local_hub, request.node.name)
    except RuntimeError:
        pytest.fail("local_hub, which is one for all tests, was closed by an earlier one", pytrace=False)
    with device:
        request.node.stash[_DEVICE] = device.device_id
        yield device


@pytest.fixture(scope="session")
def local_namespace_options() -> dict[str, Any]:
    """Return the options of ``local_namespace``: override it to return arguments of :class:`azmqtt.LocalNamespace`."""
    return {}


@pytest.fixture(scope="session")
def local_namespace(local_namespace_options: dict[str, Any], pytestconfig: pytest.Config) -> Iterator[LocalNamespace]:
    """Return a local Event Grid namespace on free ports of this machine. All tests of a run share it.

    With pytest-xdist, each worker has its own. The namespace records packets. Clients, client groups, topic spaces,
    permission bindings and faults that a test itself creates are deleted after the test. Those that fixtures create
    stay.
    """
    import azmqtt

    record = pytestconfig.getoption("--azmqtt-packets") != "off"
    with azmqtt.LocalNamespace(**{"record_packets": record, **local_namespace_options}) as namespace:
        pytestconfig.stash[_NAMESPACE] = namespace
        try:
            yield namespace
        finally:
            del pytestconfig.stash[_NAMESPACE]


@pytest.fixture
def mqtt_client(local_namespace: LocalNamespace, request: pytest.FixtureRequest) -> Iterator[MqttClient]:
    """Return a client of ``local_namespace`` for this test alone. It connects on its first call.

    The name of the client and its client identifier consist of the test's name and a number.
    """
    from azmqtt.testing import fresh_name

    name = fresh_name(request.node.name)
    try:
        local_namespace.create_client(name)
    except RuntimeError:
        pytest.fail("local_namespace, which is one for all tests, was closed by an earlier one", pytrace=False)
    request.node.stash[_CLIENT] = name
    client = local_namespace.mqtt_client(name, session_expiry=0)
    yield client
    client.close(timeout=1)
    try:
        local_namespace.delete_client(name)
    except (LookupError, RuntimeError):
        # The test has deleted the client, or stopped the namespace.
        return


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note when the test begins, if a service runs already."""
    if _HUB in item.config.stash or _NAMESPACE in item.config.stash:
        item.stash[_STARTED] = datetime.now(timezone.utc)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, None]:
    """Remove what the test itself created, for the sake of later tests. What fixtures created stays."""
    before = {key: _faults(service) for key, service in _services(item)}
    namespace = item.config.stash.get(_NAMESPACE, None)
    resources = [] if namespace is None else _resources(namespace)
    yield
    namespace = item.config.stash.get(_NAMESPACE, None)
    if namespace is not None and not namespace._core.stopped:  # noqa: SLF001 - what was stopped deletes nothing
        for kind, name in _resources(namespace):
            if (kind, name) not in resources:
                getattr(namespace, f"delete_{kind}")(name)
    for key, service in _services(item):
        if not before.get(key):
            # This also ends fault schedules.
            service.clear_faults()
        for fault in service.faults():
            if fault.fault_id not in before.get(key, ()):
                fault.remove()


def _services(item: pytest.Item) -> Iterator[tuple[object, LocalHub | LocalNamespace]]:
    """Return the running services with their keys."""
    stash = item.config.stash
    if _HUB in stash:
        yield _HUB, stash[_HUB]
    if _NAMESPACE in stash:
        yield _NAMESPACE, stash[_NAMESPACE]


def _resources(namespace: LocalNamespace) -> list[tuple[str, str]]:
    """Return the kinds and names of all resources; resources come before those that they refer to."""
    return [
        *(("permission_binding", each.name) for each in namespace.list_permission_bindings()),
        *(("topic_space", each.name) for each in namespace.list_topic_spaces()),
        *(("client_group", each.name) for each in namespace.list_client_groups()),
        *(("client", each.name) for each in namespace.list_clients()),
    ]


def _faults(service: LocalHub | LocalNamespace) -> set[int]:
    rules = service._faults.rules()  # noqa: SLF001 - all of them in one call
    return {fault_id for fault_id, _, _, over in rules if not over}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Add the packets of a failed test to its report."""
    outcome = yield
    wanted = item.config.getoption("--azmqtt-packets")
    report: pytest.TestReport = outcome.get_result()
    if not ((report.failed and wanted != "off") or (wanted == "all" and report.when == "call")):
        return
    used = set(getattr(item, "fixturenames", ()))
    hub, namespace = item.config.stash.get(_HUB, None), item.config.stash.get(_NAMESPACE, None)
    if hub is not None and {"local_hub", "iothub_device"} & used:
        report.sections.append(_section(item, hub, item.stash.get(_DEVICE, None), "the local hub"))
    if namespace is not None and {"local_namespace", "mqtt_client"} & used:
        report.sections.append(_section(item, namespace, item.stash.get(_CLIENT, None), "the local namespace"))


def _section(
    item: pytest.Item, service: LocalHub | LocalNamespace, peer: str | None, everybody: str
) -> tuple[str, str]:
    """Return the title and text of a service's packets: those of the test's own device or client, or all."""
    try:
        packets = service.packets(peer)
        started = item.stash.get(_STARTED, None)
        # Without a device or client of its own, the test gets all packets since its start.
        first = next((packet.sequence for packet in packets if started is None or packet.time >= started), None)
        log = "no packets" if first is None else service.packet_log(peer, after=first - 1)
    except RuntimeError as error:
        log = str(error)
    lines = [line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…" for line in log.splitlines()]
    left_out = len(lines) - _FIRST_LINES - _LAST_LINES
    if left_out > 0:
        lines = [*lines[:_FIRST_LINES], f"… {left_out} lines are left out", *lines[-_LAST_LINES:]]
    return f"MQTT packets of {peer or everybody}", "\n".join(lines)
