"""``azmqtt dps``: enrolments and registrations of a provisioning service, over REST."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from azmqtt._cli import common, fields, output, sas
from azmqtt._cli.fields import Field
from azmqtt._cli.service import add_etag, command, group, say, service_api
from azmqtt._rest.https import path
from azmqtt._rest.service import PROVISIONING, if_match

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from azmqtt._cli.service import Commands
    from azmqtt._rest.service import ServiceApi

_REPROVISIONING = {
    "reprovisionandmigratedata": {"updateHubAssignment": True, "migrateDeviceData": True},
    "reprovisionandresetdata": {"updateHubAssignment": True, "migrateDeviceData": False},
    "never": {"updateHubAssignment": False, "migrateDeviceData": False},
}

_KEYS = (
    Field("attestation.symmetricKey.primaryKey", ("--primary-key", "--pk"), "its key in base64"),
    Field("attestation.symmetricKey.secondaryKey", ("--secondary-key", "--sk"), "its other key in base64"),
)

_COMMON = (
    Field("initialTwin.properties.desired", ("--initial-twin-properties", "--props"), "desired properties", "json"),
    Field("initialTwin.tags", ("--initial-twin-tags", "--tags"), "tags of the new twin", "json"),
    Field(
        "provisioningStatus",
        ("--provisioning-status", "--ps"),
        "whether it lets devices register",
        choices=fields.words("enabled", "disabled"),
    ),
    Field(
        "reprovisionPolicy",
        ("--reprovision-policy", "--rp"),
        "what becomes of a device's data when it registers again and gets another hub",
        choices=_REPROVISIONING,
    ),
    Field(
        "allocationPolicy",
        ("--allocation-policy", "--ap"),
        "how a hub is chosen",
        choices={"hashed": "hashed", "geolatency": "geoLatency", "static": "static", "custom": "custom"},
    ),
    Field("iotHubHostName", ("--iot-hub-host-name", "--hn"), "the hub's host name"),
    Field("iotHubs", ("--iot-hubs", "--ih"), "the host names of the hubs to choose from", "words"),
    Field("customAllocationDefinition.webhookUrl", ("--webhook-url", "--wh"), "the function of a custom allocation"),
    Field("customAllocationDefinition.apiVersion", ("--api-version", "--av"), "the version of its API"),
    Field("capabilities.iotEdge", ("--edge-enabled", "--ee"), "its devices are IoT Edge devices", "flag"),
)


def _certificates(member: str) -> tuple[Field, ...]:
    where = f"attestation.x509.{member}"
    return (
        Field(f"{where}.primary", ("--certificate-path", "--cp"), "a file with its certificate", "certificate"),
        Field(
            f"{where}.secondary",
            ("--secondary-certificate-path", "--scp"),
            "a file with its other certificate",
            "certificate",
        ),
    )


_AUTHORITIES = (
    Field("attestation.x509.caReferences.primary", ("--root-ca-name", "--ca-name", "--cn"), "the name of an authority"),
    Field(
        "attestation.x509.caReferences.secondary",
        ("--secondary-root-ca-name", "--secondary-ca-name", "--scn"),
        "the name of its other authority",
    ),
)


class _Kind(NamedTuple):
    """Enrolments of one device, or of a group.

    Attributes:
        noun: The command.
        what: For people.
        segment: In paths and queries.
        name: The member with its id.
        fields: What may change.
        columns: What a table of them shows.
    """

    noun: str
    what: str
    segment: str
    name: str
    fields: tuple[Field, ...]
    columns: tuple[str, ...]


_ONE = _Kind(
    "enrollment",
    "enrolment",
    "enrollments",
    "registrationId",
    (
        Field("deviceId", ("--device-id", "-d"), "the device's id in the hub (default: the enrolment's)"),
        *_KEYS,
        *_certificates("clientCertificates"),
        *_COMMON,
        Field("optionalDeviceInformation", ("--device-information", "--device-info"), "what devices are told", "json"),
    ),
    ("registrationId", "deviceId", "provisioningStatus", "allocationPolicy", "lastUpdatedDateTimeUtc"),
)

_GROUP = _Kind(
    "enrollment-group",
    "enrolment group",
    "enrollmentGroups",
    "enrollmentGroupId",
    (*_KEYS, *_certificates("signingCertificates"), *_AUTHORITIES, *_COMMON),
    ("enrollmentGroupId", "provisioningStatus", "allocationPolicy", "lastUpdatedDateTimeUtc"),
)

_REGISTRATION_COLUMNS = ("registrationId", "status", "assignedHub", "deviceId", "lastUpdatedDateTimeUtc")


def add_parser(subparsers: Commands) -> None:
    """Add ``dps`` to the commands of a parser."""
    commands = group(subparsers, "dps", "manage the enrolments of a provisioning service")
    for kind in (_ONE, _GROUP):
        _add_enrollments(commands, kind)
    verbs = group(commands, "registration", "devices that have registered")
    listing = _command(verbs, "list", "print the registrations of a group", _list_registrations)
    _add_id(listing)
    _add_top(listing)
    for name, what, run in (
        ("show", "print a registration", _show_registration),
        ("delete", "delete a registration; the device in the hub stays", _delete_registration),
    ):
        _command(verbs, name, what, run).add_argument(
            "--registration-id", "--rid", required=True, metavar="ID", help="the registration's id"
        )


def _add_enrollments(commands: Commands, kind: _Kind) -> None:
    verbs = group(commands, kind.noun, f"{kind.what}s")
    create = _command(verbs, "create", f"create an {kind.what}", _create, kind)
    if kind is _ONE:
        create.add_argument(
            "--attestation-type",
            "--at",
            choices=("symmetricKey", "x509"),
            default=None,
            help="how the device proves who it is (default: symmetricKey, or x509 with a certificate)",
        )
    fields.add(kind.fields, create)
    show = _command(verbs, "show", f"print an {kind.what}", _show, kind)
    show.add_argument("--show-keys", "--keys", action="store_true", help="with its keys")
    listing = _command(verbs, "list", f"print all {kind.what}s", _list)
    listing.set_defaults(kind=kind)
    _add_top(listing)
    update = _command(verbs, "update", f"change an {kind.what}: only what is given", _update, kind)
    fields.add(kind.fields, update)
    add_etag(update, "the one that it has")
    add_etag(_command(verbs, "delete", f"delete an {kind.what}", _delete, kind), "any")
    if kind is _GROUP:
        _add_compute_key(verbs)


def _add_compute_key(verbs: Commands) -> None:
    what = "derive the key of a device from the group's key; asks no service"
    parser = verbs.add_parser("compute-device-key", help=what, description=f"{what[0].upper()}{what[1:]}.")
    parser.add_argument("--registration-id", "--rid", required=True, metavar="ID", help="the device's registration id")
    parser.add_argument(
        "--key", metavar="KEY", help=f"the group's key in base64, '-' to read it from stdin (default: ${sas.KEY})"
    )
    output.add_options(parser.add_argument_group("output"))
    parser.set_defaults(run=_compute_key)


def _command(
    verbs: Commands, name: str, what: str, run: Callable[[argparse.Namespace], int], kind: _Kind | None = None
) -> argparse.ArgumentParser:
    parser = command(verbs, name, what, run, service=PROVISIONING)
    if kind is not None:
        _add_id(parser)
        parser.set_defaults(kind=kind)
    return parser


def _add_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--enrollment-id", "--eid", required=True, metavar="ID", help="its id")


def _add_top(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--top", type=common.count, metavar="N", help="how many at most (default: all)")


def _path(arguments: argparse.Namespace, *rest: str) -> str:
    return path(arguments.kind.segment, arguments.enrollment_id, *rest)


def _api(arguments: argparse.Namespace) -> ServiceApi:
    return service_api(arguments, PROVISIONING)


def _create(arguments: argparse.Namespace) -> int:
    kind = arguments.kind
    body: dict[str, Any] = {kind.name: arguments.enrollment_id}
    fields.fill(kind.fields, arguments, body)
    attestation = body.setdefault("attestation", {})
    forms = [form for form in ("symmetricKey", "x509") if form in attestation]
    form = getattr(arguments, "attestation_type", None) or (forms[0] if forms else "symmetricKey")
    if forms not in ([], [form]):
        raise common.UsageError("a key and a certificate exclude each other")
    if form == "x509" and not forms:
        raise common.UsageError("--attestation-type x509 needs --certificate-path")
    if len(attestation.get("symmetricKey", (1, 2))) == 1:
        raise common.UsageError("--primary-key and --secondary-key go together")
    attestation["type"] = form
    return say(_api(arguments).request("PUT", _path(arguments), body)[0])


def _show(arguments: argparse.Namespace) -> int:
    api = _api(arguments)
    found = api.request("GET", _path(arguments))[0]
    if arguments.show_keys:
        found["attestation"] = _attestation(api, arguments)
    return say(found)


def _attestation(api: ServiceApi, arguments: argparse.Namespace) -> Any:
    """Ask for how it attests, with the keys, which the enrolment itself leaves out."""
    return api.request("POST", _path(arguments, "attestationmechanism"))[0]


def _list(arguments: argparse.Namespace) -> int:
    where = path(arguments.kind.segment, "query")
    found = _api(arguments).entries("POST", where, {"query": "*"}, top=arguments.top)
    return say(found, columns=arguments.kind.columns)


def _update(arguments: argparse.Namespace) -> int:
    kind = arguments.kind
    fields.fill_some(kind.fields, arguments, {})
    api = _api(arguments)
    found = api.request("GET", _path(arguments))[0]
    if any(getattr(arguments, field.destination) is not None for field in _KEYS):
        found["attestation"] = _attestation(api, arguments)
    fields.fill(kind.fields, arguments, found)
    headers = if_match(arguments.etag or found["etag"])
    return say(api.request("PUT", _path(arguments), found, headers=headers)[0])


def _delete(arguments: argparse.Namespace) -> int:
    _api(arguments).request("DELETE", _path(arguments), headers=if_match(arguments.etag))
    return 0


def _list_registrations(arguments: argparse.Namespace) -> int:
    where = path("registrations", arguments.enrollment_id, "query")
    found = _api(arguments).entries("POST", where, {"query": "*"}, top=arguments.top)
    return say(found, columns=_REGISTRATION_COLUMNS)


def _show_registration(arguments: argparse.Namespace) -> int:
    return say(_api(arguments).request("GET", path("registrations", arguments.registration_id))[0])


def _delete_registration(arguments: argparse.Namespace) -> int:
    where = path("registrations", arguments.registration_id)
    _api(arguments).request("DELETE", where, headers=if_match(None))
    return 0


def _compute_key(arguments: argparse.Namespace) -> int:
    from azmqtt.provisioning import derive_device_key

    key = common.line_of_stdin() if arguments.key == "-" else arguments.key or os.environ.get(sas.KEY)
    if not key:
        raise common.UsageError(f"a key is needed: --key, '-' for stdin, or ${sas.KEY}")
    return say(derive_device_key(key, arguments.registration_id))
