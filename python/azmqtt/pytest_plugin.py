"""The pytest plugin: the fixtures ``local_hub`` and ``iothub_device``, and packets in the reports of failing tests.

pytest finds it by itself where azmqtt is installed. It loads nothing of the hub before a test asks for one.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from azmqtt import LocalHub
    from azmqtt.testing import IotHubDevice

#: So many lines of packets are shown: how it began, and the newest.
_FIRST_LINES = 20
_LAST_LINES = 80

#: In characters; the names and values of properties are in topics, up to 64 KiB.
_LONGEST_LINE = 300

_HUB: pytest.StashKey[LocalHub] = pytest.StashKey()
_DEVICE: pytest.StashKey[IotHubDevice] = pytest.StashKey()
_STARTED: pytest.StashKey[datetime] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the one option."""
    parser.getgroup("azmqtt", "local IoT Hub").addoption(
        "--azmqtt-packets",
        choices=("failed", "all", "off"),
        default="failed",
        help="in whose reports the MQTT packets are shown that went over the fixture local_hub: those of tests that "
        "failed, of all (with -rA), or of none, without recording them (default: failed)",
    )


@pytest.fixture(scope="session")
def local_hub_options() -> dict[str, Any]:
    """Return what ``local_hub`` is made with: override it to return options of :class:`azmqtt.LocalHub`."""
    return {}


@pytest.fixture(scope="session")
def local_hub(local_hub_options: dict[str, Any], pytestconfig: pytest.Config) -> Iterator[LocalHub]:
    """Return a local IoT Hub on free ports of this machine, one for the run of all tests.

    With pytest-xdist each worker has its own. Packets are recorded.
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
    """Return a device on ``local_hub`` that no other test has: see :class:`azmqtt.testing.IotHubDevice`."""
    from azmqtt.testing import IotHubDevice

    try:
        device = IotHubDevice(local_hub, request.node.name)
    except RuntimeError:
        pytest.fail("local_hub, which is one for all tests, was closed by an earlier one", pytrace=False)
    with device:
        request.node.stash[_DEVICE] = device
        yield device


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note when the test began, if there is a hub already."""
    if _HUB in item.config.stash:
        item.stash[_STARTED] = datetime.now(timezone.utc)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, None]:
    """End the faults that the test itself set: others come after it. Those of fixtures are the fixtures'."""
    hub = item.config.stash.get(_HUB, None)
    before: set[int] = set() if hub is None else _faults(hub)
    yield
    hub = item.config.stash.get(_HUB, None)
    if hub is None:
        return
    if not before:
        # What schedules have still to do, too.
        hub.clear_faults()
    for fault in hub.faults():
        if fault.fault_id not in before:
            fault.remove()


def _faults(hub: LocalHub) -> set[int]:
    rules = hub._faults.rules()  # noqa: SLF001 - all of them in one call
    return {fault_id for fault_id, _, _, over in rules if not over}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Add the packets of the test to its report."""
    outcome = yield
    hub = item.config.stash.get(_HUB, None)
    wanted = item.config.getoption("--azmqtt-packets")
    if hub is None or wanted == "off" or not {"local_hub", "iothub_device"} & set(getattr(item, "fixturenames", ())):
        return
    report: pytest.TestReport = outcome.get_result()
    if report.failed or (wanted == "all" and report.when == "call"):
        report.sections.append(_section(item, hub))


def _section(item: pytest.Item, hub: LocalHub) -> tuple[str, str]:
    device = item.stash.get(_DEVICE, None)
    device_id = None if device is None else device.device_id
    try:
        packets = hub.packets(device_id)
        started = item.stash.get(_STARTED, None)
        # Of a test without a device of its own, all that there were meanwhile.
        first = next((packet.sequence for packet in packets if started is None or packet.time >= started), None)
        log = "no packets" if first is None else hub.packet_log(device_id, after=first - 1)
    except RuntimeError as error:
        log = str(error)
    lines = [line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…" for line in log.splitlines()]
    left_out = len(lines) - _FIRST_LINES - _LAST_LINES
    if left_out > 0:
        lines = [*lines[:_FIRST_LINES], f"… {left_out} lines are left out", *lines[-_LAST_LINES:]]
    return f"MQTT packets of {device_id or 'the local hub'}", "\n".join(lines)
