"""What is run: the clients, the tasks, how large each task is for each client, and which figures come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Run = Mapping[str, Any]
"""One client's JSON line."""

LIMIT, FAST, MID, SLOW = range(4)
"""How quick a client is: messages are counted so that each run takes about a second."""


@dataclass(frozen=True)
class Client:
    """A client and how it is started."""

    name: str
    speed: int
    venv: str | None
    """Name of its virtual environment; ``None`` for the bare client, which is not a Python."""
    script: tuple[str, ...] = ()
    imports: str = ""
    """The import that an application begins with."""
    window: int | None = None
    only: tuple[str, ...] = ()
    """Tasks that this variant is meant for; all of them when empty."""


CLIENTS = (
    Client("bare", LIMIT, None),
    Client("azmqtt", FAST, "azmqtt", ("azmqtt_.py",), "import azmqtt"),
    Client("gmqtt", MID, "peers", ("gmqtt_.py",), "import gmqtt"),
    Client("awscrt", MID, "peers", ("awscrt_.py",), "import awscrt.io, awscrt.mqtt"),
    Client("paho", MID, "peers", ("paho_.py",), "import paho.mqtt.client"),
    Client(
        "paho-w1000",
        MID,
        "peers",
        ("paho_.py",),
        window=1000,
        only=("qos1_pipelined", "qos1_pipelined_late20ms"),
    ),
    Client("paho-patcher", MID, "azmqtt", ("paho_.py", "--way", "patcher"), only=("twin_patch_rtt",)),
    Client(
        "paho-drop-in",
        MID,
        "azmqtt",
        ("paho_.py", "--way", "drop-in"),
        only=("qos1_pipelined", "qos1_one_at_a_time", "twin_patch_rtt", "twin_patch_100", "receive_qos1"),
    ),
    Client("aiomqtt", MID, "peers", ("aiomqtt_.py",), "import aiomqtt"),
    Client(
        "azure-sync",
        SLOW,
        "azure",
        ("azure_iot_device_.py", "--face", "sync"),
        "from azure.iot.device import IoTHubDeviceClient",
    ),
    Client(
        "azure-aio",
        SLOW,
        "azure",
        ("azure_iot_device_.py", "--face", "aio"),
        "from azure.iot.device.aio import IoTHubDeviceClient",
    ),
)


@dataclass(frozen=True)
class Metric:
    """One figure of a task."""

    label: str
    unit: str
    of: Callable[[Run], float | None]
    more_is_better: bool = False


def _per_message(run: Run) -> float | None:
    return run["cpu_s"] / run["msgs"] * 1e6 if run["msgs"] else None


def _rate(run: Run) -> float | None:
    return run["msgs"] / run["elapsed_s"] if run["elapsed_s"] else None


def _field(name: str, scale: float = 1.0) -> Callable[[Run], float | None]:
    return lambda run: run[name] * scale if name in run else None


CPU = Metric("client CPU", "µs/msg", _per_message)
RATE = Metric("throughput", "msg/s", _rate, more_is_better=True)
P50 = Metric("p50", "µs", _field("p50_us"))
P99 = Metric("p99", "µs", _field("p99_us"))
FOOTPRINT = (
    Metric("RSS a client", "KiB", _field("rss_per_client_kib")),
    Metric("threads", "", _field("threads")),
    Metric("clients reached", "", _field("clients"), more_is_better=True),
)


@dataclass(frozen=True)
class Task:
    """A task, its sizes for LIMIT, FAST, MID and SLOW clients, and its figures."""

    name: str
    title: str
    sizes: tuple[int, int, int, int]
    metrics: tuple[Metric, ...]
    bare: str | None = None
    """The bare client's task that this one is compared with, when it is not the same."""
    delay_ms: int = 0
    sized: bool = True
    """Whether ``--quick`` makes it smaller."""
    smaller: Mapping[str, int] = field(default_factory=dict)
    """Sizes of clients that would take too long otherwise."""
    default: bool = True
    """Whether it is run when no task is named."""


def _footprint(n: int, *, default: bool = True) -> Task:
    title = f"{n:,} connected client{'s' if n > 1 else ''} in one process"
    return Task(f"footprint_{n}", title, (n,) * 4, FOOTPRINT, sized=False, default=default)


TASKS = (
    Task("qos1_pipelined", "QoS 1 pipelined", (1_000_000, 200_000, 50_000, 5_000), (CPU, RATE)),
    Task(
        "qos1_pipelined_gather",
        "QoS 1, 1,000 gathered sends at a time",
        (0, 100_000, 20_000, 5_000),
        (CPU, RATE),
        bare="qos1_pipelined",
    ),
    Task(
        "qos1_pipelined_late20ms",
        "QoS 1 pipelined, answers 20 ms late",
        (200_000, 200_000, 50_000, 2_000),
        (RATE, CPU),
        delay_ms=20,
        smaller={"paho": 2_000, "aiomqtt": 2_000, "paho-w1000": 20_000},
    ),
    Task("qos1_one_at_a_time", "QoS 1 one at a time, blocking", (10_000, 10_000, 5_000, 2_000), (P50, P99, CPU)),
    Task(
        "qos1_one_at_a_time_async",
        "QoS 1 one at a time, awaited",
        (0, 10_000, 5_000, 2_000),
        (P50, P99, CPU),
        bare="qos1_one_at_a_time",
    ),
    Task("twin_patch_rtt", "twin patch round trip, blocking", (10_000, 10_000, 5_000, 2_000), (P50, P99, CPU)),
    Task(
        "twin_patch_rtt_async",
        "twin patch round trip, awaited",
        (0, 10_000, 5_000, 2_000),
        (P50, P99, CPU),
        bare="twin_patch_rtt",
    ),
    Task("twin_patch_100", "twin patch, 100 concurrent", (200_000, 50_000, 10_000, 5_000), (CPU, RATE)),
    Task("receive_qos0", "receiving at QoS 0", (500_000, 50_000, 50_000, 50_000), (CPU, RATE)),
    Task("receive_qos1", "receiving at QoS 1", (500_000, 50_000, 50_000, 50_000), (CPU, RATE)),
    Task("v5_qos1_pipelined", "MQTT 5, QoS 1 pipelined", (1_000_000, 200_000, 50_000, 5_000), (CPU, RATE)),
    Task(
        "v4_qos1_pipelined",
        "MQTT 3.1.1, QoS 1 pipelined by `MqttClient`",
        (0, 200_000, 0, 0),
        (CPU, RATE),
        bare="qos1_pipelined",
    ),
    Task(
        "v5_qos1_gather",
        "MQTT 5, QoS 1, 1,000 gathered sends at a time",
        (0, 100_000, 20_000, 5_000),
        (CPU, RATE),
        bare="v5_qos1_pipelined",
    ),
    Task("v5_qos1_one", "MQTT 5, QoS 1 one at a time", (10_000, 10_000, 5_000, 2_000), (P50, P99, CPU)),
    Task("v5_request", "MQTT 5, request and response", (10_000, 10_000, 5_000, 2_000), (P50, P99, CPU)),
    Task("v5_receive", "MQTT 5, receiving at QoS 1", (500_000, 50_000, 50_000, 50_000), (CPU, RATE)),
    Task("connect", "connect: TCP, TLS, CONNACK", (200, 100, 50, 50), (P50, P99, CPU)),
    Task(
        "import_ms",
        "import",
        (0, 1, 1, 1),
        (Metric("wall", "ms", _field("elapsed_s", 1e3)), Metric("RSS added", "KiB", _field("rss_added_kib"))),
        sized=False,
    ),
    _footprint(1),
    _footprint(100),
    _footprint(1000),
    _footprint(10_000, default=False),
)


def size(task: Task, client: Client, *, quick: bool) -> int:
    """How many messages, round trips, connects or clients the run has."""
    n = task.smaller.get(client.name, task.sizes[client.speed])
    if client.only and task.name not in client.only:
        return 0
    return max(n // 10, min(n, 10)) if quick and task.sized else n
