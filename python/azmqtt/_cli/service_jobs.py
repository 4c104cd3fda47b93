"""``azmqtt hub job``: twins that are changed and methods that are called on many devices."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from azmqtt._cli import common, fields
from azmqtt._cli.fields import Field
from azmqtt._cli.service import command, group, say, service_api

if TYPE_CHECKING:
    import argparse

    from azmqtt._cli.service import Commands

_COLUMNS = ("jobId", "type", "status", "createdTime", "startTime", "endTime", "deviceJobStatistics")

_TYPES = ("scheduleUpdateTwin", "scheduleDeviceMethod")
_STATUSES = ("queued", "scheduled", "running", "completed", "failed", "cancelled")
#: The statuses that a job keeps.
_ENDED = ("completed", "failed", "cancelled")

_METHOD = "cloudToDeviceMethod"
_FIELDS = (
    Field("startTime", ("--start-time", "--start"), "when it starts, in ISO 8601 and UTC (default: now)"),
    Field("maxExecutionTimeInSeconds", ("--ttl",), "how many seconds it may take (default: 3600)", "number"),
    Field("queryCondition", ("--query-condition", "-q"), "for which devices, such as \"tags.site = 'lab'\" or '*'"),
)
_OF_UPDATE = (
    Field("updateTwin", ("--twin-patch", "--patch"), "of scheduleUpdateTwin: what to change of the twins", "json"),
)
_OF_METHOD = (
    Field(f"{_METHOD}.methodName", ("--method-name", "--mn"), "of scheduleDeviceMethod: the method's name"),
    Field(f"{_METHOD}.payload", ("--method-payload", "--mp"), "its argument (default: null)", "json"),
    Field(
        f"{_METHOD}.connectTimeoutInSeconds",
        ("--method-connect-timeout", "--mct"),
        "how many seconds to wait for the device to connect (default: 30)",
        "number",
    ),
    Field(
        f"{_METHOD}.responseTimeoutInSeconds",
        ("--method-response-timeout", "--mrt"),
        "how many seconds to wait for its response (default: 30)",
        "number",
    ),
)


def add_commands(commands: Commands) -> None:
    """Add what goes below ``job``."""
    verbs = group(commands, "job", "jobs: changes of many twins, and calls of many devices' methods")
    create = _command(verbs, "create", "create a job", _create)
    create.add_argument("--job-type", "--jt", required=True, choices=_TYPES, help="what it does")
    fields.add((*_FIELDS, *_OF_UPDATE, *_OF_METHOD), create)
    create.add_argument("--wait", "-w", action="store_true", help="wait until it has ended")
    create.add_argument(
        "--poll-interval",
        "--interval",
        type=common.seconds,
        default=10.0,
        metavar="SECONDS",
        help="with --wait: between two looks (default: %(default)g)",
    )
    create.add_argument(
        "--poll-duration",
        "--duration",
        type=common.seconds,
        default=600.0,
        metavar="SECONDS",
        help="with --wait: how long at most (default: %(default)g)",
    )
    _command(verbs, "show", "print a job", _show)
    listing = command(verbs, "list", "print all jobs", _list)
    listing.add_argument("--job-type", "--jt", choices=_TYPES, help="only those of this type")
    listing.add_argument("--job-status", "--js", choices=_STATUSES, help="only those with this status")
    listing.add_argument("--top", type=common.count, metavar="N", help="how many at most (default: all)")
    _command(verbs, "cancel", "cancel a job that waits for its start", _cancel)


def _command(verbs: Commands, name: str, what: str, run: Any) -> argparse.ArgumentParser:
    parser = command(verbs, name, what, run)
    parser.add_argument("--job-id", required=True, metavar="ID", help="the job's id")
    return parser


def _path(arguments: argparse.Namespace, *rest: str) -> str:
    from azmqtt._rest.https import path

    return path("jobs", "v2", arguments.job_id, *rest)


def _create(arguments: argparse.Namespace) -> int:
    is_update = arguments.job_type == "scheduleUpdateTwin"
    own, other = (_OF_UPDATE, _OF_METHOD) if is_update else (_OF_METHOD, _OF_UPDATE)
    for field in other:
        if getattr(arguments, field.destination) is not None:
            raise common.UsageError(f"{field.options[0]} is not for {arguments.job_type}")
    for field in (_FIELDS[-1], own[0]):
        if getattr(arguments, field.destination) is None:
            raise common.UsageError(f"{arguments.job_type} needs {field.options[0]}")
    body: dict[str, Any] = {"jobId": arguments.job_id, "type": arguments.job_type}
    if not is_update:
        body[_METHOD] = {"payload": None, "connectTimeoutInSeconds": 30, "responseTimeoutInSeconds": 30}
    fields.fill((*_FIELDS, *own), arguments, body)
    if is_update:
        if not isinstance(body["updateTwin"], dict):
            raise common.UsageError("--twin-patch must be an object")
        # The service takes a job with no other condition.
        body["updateTwin"] = {"etag": "*", **body["updateTwin"]}
    api = service_api(arguments)
    job = api.request("PUT", _path(arguments), body)[0]
    deadline = time.monotonic() + arguments.poll_duration
    while arguments.wait and job["status"] not in _ENDED:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the job is {job['status']} after {arguments.poll_duration:g} s")
        time.sleep(min(arguments.poll_interval, max(deadline - time.monotonic(), 0)))
        job = api.request("GET", _path(arguments))[0]
    return say(job)


def _show(arguments: argparse.Namespace) -> int:
    return say(service_api(arguments).request("GET", _path(arguments))[0])


def _list(arguments: argparse.Namespace) -> int:
    wanted = {"jobType": arguments.job_type, "jobStatus": arguments.job_status}
    query = "".join(f"&{name}={value}" for name, value in wanted.items() if value is not None)
    return say(
        service_api(arguments).entries("GET", "/jobs/v2/query", query=query, top=arguments.top), columns=_COLUMNS
    )


def _cancel(arguments: argparse.Namespace) -> int:
    return say(service_api(arguments).request("POST", _path(arguments, "cancel"))[0])
