"""One session of the unmodified azure-iot-hub with queries, configurations and jobs of a local hub.

Usage: azure_iot_hub_jobs.py SERVICE_CONNECTION_STRING

``REQUESTS_CA_BUNDLE`` names the hub's authority. The devices ``d0`` to ``d6`` are there; ``d0`` is connected, reports
``{"firmware": "1.1"}`` and answers the method ``echo``. What was seen is printed as JSON.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import time

from azure.iot.hub import IoTHubConfigurationManager, IoTHubJobManager, IoTHubRegistryManager
from azure.iot.hub.models import (
    CloudToDeviceMethod,
    Configuration,
    ConfigurationContent,
    ConfigurationMetrics,
    ConfigurationQueriesTestInput,
    JobRequest,
    QuerySpecification,
    Twin,
    TwinProperties,
)
from msrest.exceptions import DeserializationError, HttpOperationError


def refused(call, *arguments):
    """Return the status and the header's code that a call is refused with."""
    try:
        call(*arguments)
    except HttpOperationError as error:
        return [error.response.status_code, error.response.headers["iothub-errorcode"]]
    return "not refused"


def queries(manager: IoTHubRegistryManager, seen: dict) -> None:
    """Page by page, and by a condition."""
    everything = QuerySpecification(query="SELECT * FROM devices WHERE STARTSWITH(deviceId, 'd')")
    pages, token = [], None
    while True:
        result = manager.query_iot_hub(everything, token, 3)
        pages.append([result.type, [twin.device_id for twin in result.items]])
        token = result.continuation_token
        if token is None:
            break
    seen["pages"] = pages
    one = QuerySpecification(query="SELECT * FROM devices WHERE properties.reported.firmware = '1.1'")
    twin = manager.query_iot_hub(one).items[0]
    seen["twin"] = [twin.device_id, twin.properties.reported["firmware"], twin.connection_state]
    projected = QuerySpecification(query="SELECT deviceId, status FROM devices WHERE connectionState = 'Connected'")
    result = manager.query_iot_hub(projected)
    seen["projected"] = [result.type, result.items[0].device_id, result.items[0].status]
    seen["wrong"] = refused(manager.query_iot_hub, QuerySpecification(query="SELECT * FROM devices ORDER BY deviceId"))
    seen["wrong token"] = refused(manager.query_iot_hub, one, "nonsense")


def configurations(manager: IoTHubConfigurationManager, seen: dict) -> None:
    """Make, read, change, try, apply and remove."""
    content = ConfigurationContent(device_content={"properties.desired.chiller": {"level": 3}})
    metrics = ConfigurationMetrics(
        queries={"firmware": "SELECT deviceId FROM devices WHERE is_defined(properties.reported.firmware)"}
    )
    condition = "deviceId IN ['d0', 'd1']"
    new = Configuration(
        id="chiller",
        schema_version="1.0",
        labels={"team": "cold"},
        content=content,
        target_condition=condition,
        priority=10,
        metrics=metrics,
    )
    made = manager.create_configuration(new)
    seen["configuration"] = [made.id, made.priority, made.system_metrics.results["targetedCount"], made.metrics.results]
    seen["again"] = refused(manager.create_configuration, new)
    made.priority = 20
    # The SDK sends the etag as it is, and the service takes one without quotes for none.
    seen["bare"] = refused(manager.update_configuration, made, made.etag)
    changed = manager.update_configuration(made, f'"{made.etag}"')
    seen["changed"] = [changed.priority, changed.etag != made.etag]
    seen["stale"] = refused(manager.update_configuration, made, f'"{made.etag}"')
    seen["read"] = manager.get_configuration("chiller").target_condition
    seen["listed"] = [configuration.id for configuration in manager.get_configurations(5)]
    tried = manager.test_configuration_queries(
        ConfigurationQueriesTestInput(target_condition="tags.", custom_metric_queries={"m": "SELECT"})
    )
    seen["tried"] = [bool(tried.target_condition_error), list(tried.custom_metric_query_errors)]
    deadline = time.monotonic() + 30
    while (applied := manager.get_configuration("chiller").system_metrics.results["appliedCount"]) < 2:
        assert time.monotonic() < deadline, applied
        time.sleep(0.05)
    manager.delete_configuration("chiller")
    seen["gone"] = refused(manager.get_configuration, "chiller")
    deployment = ConfigurationContent(modules_content={"$edgeAgent": {"properties.desired": {"schemaVersion": "1.1"}}})
    seen["no gateway"] = refused(manager.apply_configuration_on_edge_device, "d6", deployment)
    manager.apply_configuration_on_edge_device("gateway", deployment)


def finished(manager: IoTHubJobManager, job_id: str):
    """Wait for the end of a job."""
    deadline = time.monotonic() + 30
    while True:
        job = manager.get_scheduled_job(job_id)
        if job.status not in {"enqueued", "scheduled", "queued", "running"}:
            return job
        assert time.monotonic() < deadline, job
        time.sleep(0.05)


def jobs(manager: IoTHubJobManager, seen: dict) -> None:
    """Twin updates, methods, a job that is cancelled, and the list of all."""
    twin = Twin(etag="*", tags={"floor": 3}, properties=TwinProperties(desired={"interval": 20}))
    update = JobRequest(
        job_id="update",
        type="scheduleUpdateTwin",
        update_twin=twin,
        query_condition="deviceId IN ['d0', 'd2']",
        start_time=dt.datetime.now(dt.timezone.utc),
        max_execution_time_in_seconds=60,
    )
    made = manager.create_scheduled_job("update", update)
    seen["made"] = [made.job_id, made.type]
    done = finished(manager, "update")
    seen["updated"] = [done.status, done.device_job_statistics.succeeded_count, done.update_twin.tags]
    seen["same id"] = refused(manager.create_scheduled_job, "update", update)
    method = CloudToDeviceMethod(method_name="echo", payload={"x": [1]}, response_timeout_in_seconds=30)
    call = JobRequest(
        type="scheduleDeviceMethod", cloud_to_device_method=method, query_condition="deviceId IN ['d0', 'd1']"
    )
    manager.create_scheduled_job("call", call)
    statistics = finished(manager, "call").device_job_statistics
    seen["called"] = [statistics.device_count, statistics.succeeded_count, statistics.failed_count]
    far = dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=6)
    call.start_time = far
    later = manager.create_scheduled_job("later", call)
    cancelled = manager.cancel_scheduled_job("later")
    seen["cancelled"] = [later.status, cancelled.status, abs((cancelled.start_time - far).total_seconds()) < 1]
    seen["no job"] = manager.get_scheduled_job("none").status
    try:
        manager.query_scheduled_jobs("scheduleUpdateTwin", "completed")
    except DeserializationError:
        # The service answers with a list, which this version of the SDK takes for an object.
        seen["jobs"] = "a list"
    seen["transfers"] = manager.get_import_export_jobs()


def main(connection_string: str) -> None:
    """Go through all of it."""
    seen: dict = {}
    registry = IoTHubRegistryManager.from_connection_string(connection_string)
    queries(registry, seen)
    registry.create_device_with_certificate_authority("gateway", "enabled", iot_edge=True)
    configurations(IoTHubConfigurationManager.from_connection_string(connection_string), seen)
    jobs(IoTHubJobManager.from_connection_string(connection_string), seen)
    print(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
