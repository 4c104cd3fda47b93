"""``azmqtt device registration create``: which hub a device belongs to, asked as the device."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from azmqtt._cli import common, sas

if TYPE_CHECKING:
    import argparse

    from azmqtt.provisioning import Registration

#: What Microsoft's samples read from the environment, by option.
_VARIABLES = {
    "id_scope": "PROVISIONING_IDSCOPE",
    "registration_id": "PROVISIONING_REGISTRATION_ID",
    "symmetric_key": "PROVISIONING_SYMMETRIC_KEY",
    "provisioning_host": "PROVISIONING_HOST",
}

#: What the arguments of a registration are called here.
_NAMES = {
    "symmetric_key": "--symmetric-key",
    "group_key": "--symmetric-key",
    "certificate": "--certificate-file-path",
    "private_key": "--key-file-path",
    "provisioning_host": "--provisioning-host",
    "provisioning_port": "--port",
}


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``registration`` to what goes below ``device``."""
    what = "register with a provisioning service"
    registration = commands.add_parser("registration", help=what, description="The registration of a device.")
    create = registration.add_subparsers(title="commands", required=True, metavar="COMMAND").add_parser(
        "create",
        parents=[common.network_options(timeout=120)],
        help=what,
        description="Register with a provisioning service as a device, and print the hub and the device id that it "
        "assigns. Keys are not printed.",
    )
    group = create.add_argument_group("device")
    group.add_argument("--id-scope", "--scope", metavar="ID", help=_help("the service's id scope", "id_scope"))
    group.add_argument("--registration-id", "--rid", metavar="ID", help=_help("the registration id", "registration_id"))
    group.add_argument(
        "--symmetric-key",
        "--key",
        metavar="KEY",
        help=f"the device's key in base64, '-' to read it from stdin (default: ${_VARIABLES['symmetric_key']}, or "
        f"${sas.KEY})",
    )
    group.add_argument(
        "--compute-key", "--ck", action="store_true", help="the key is that of a group: derive the device's from it"
    )
    group.add_argument("--certificate-file-path", "--cp", metavar="FILE", help="the client certificate in PEM")
    group.add_argument(
        "--key-file-path",
        "--kp",
        metavar="FILE",
        help=f"its private key in PEM; the passphrase is read from ${common.PASSPHRASE}",
    )
    group.add_argument(
        "--payload", metavar="JSON", help="for a custom allocation policy; @FILE for a file, '-' for stdin"
    )
    group.add_argument(
        "--show-connection-string",
        action="store_true",
        help="print the device's connection string, too; it is a secret",
    )
    service = create.add_argument_group("provisioning service")
    service.add_argument(
        "--provisioning-host",
        "--host",
        metavar="HOST",
        help=_help("its host name", "provisioning_host") + ", or the global endpoint",
    )
    create.set_defaults(run=_create, names=_NAMES)


def _help(what: str, name: str) -> str:
    return f"{what} (default: ${_VARIABLES[name]})"


def _create(arguments: argparse.Namespace) -> int:
    from azmqtt import provisioning

    id_scope, registration_id = _needed(arguments, "id_scope"), _needed(arguments, "registration_id")
    key = _key(arguments)
    payload = None if arguments.payload is None else common.json_argument("--payload", arguments.payload)
    options: dict[str, Any] = dict(common.client_options(arguments))
    port = options.pop("port", None)
    registration = provisioning.register(
        id_scope,
        registration_id,
        symmetric_key=None if arguments.compute_key else key,
        group_key=key if arguments.compute_key else None,
        certificate=arguments.certificate_file_path,
        private_key=arguments.key_file_path,
        passphrase=os.environ.get(common.PASSPHRASE) if key is None else None,
        payload=payload,
        provisioning_host=_given(arguments, "provisioning_host") or provisioning.GLOBAL_HOST,
        provisioning_port=port,
        **options,
    )
    result: dict[str, Any] = {"status": "assigned", "registrationState": _state(registration)}
    if arguments.show_connection_string:
        if arguments.compute_key and key is not None:
            key = provisioning.derive_device_key(key, registration_id)
        credential = "x509=true" if key is None else f"SharedAccessKey={key}"
        result["connectionString"] = (
            f"HostName={registration.assigned_hub};DeviceId={registration.device_id};{credential}"
        )
    common.say(result, pretty=True)
    return 0


def _given(arguments: argparse.Namespace, name: str) -> str | None:
    value: str | None = getattr(arguments, name)
    return value if value is not None else os.environ.get(_VARIABLES[name])


def _needed(arguments: argparse.Namespace, name: str) -> str:
    value = _given(arguments, name)
    if not value:
        raise common.UsageError(f"--{name.replace('_', '-')} is missing, or ${_VARIABLES[name]}")
    return value


def _key(arguments: argparse.Namespace) -> str | None:
    """Find the key; a certificate needs none.

    Raises:
        UsageError: There is neither, or both.
    """
    has_certificate = arguments.certificate_file_path is not None or arguments.key_file_path is not None
    given: str | None = arguments.symmetric_key
    if has_certificate:
        if given is not None or arguments.compute_key:
            raise common.UsageError("--symmetric-key and --certificate-file-path exclude each other")
        return None
    if given == "-":
        given = common.line_of_stdin()
    elif given is None:
        given = os.environ.get(_VARIABLES["symmetric_key"]) or os.environ.get(sas.KEY)
    if not given:
        raise common.UsageError(
            f"a key or a certificate is needed: --symmetric-key, '-' for stdin, ${_VARIABLES['symmetric_key']}, or "
            "--certificate-file-path"
        )
    return given


def _state(registration: Registration) -> dict[str, Any]:
    """Spell a registration as the service does."""
    spelled = {
        "registrationId": registration.registration_id,
        "assignedHub": registration.assigned_hub,
        "deviceId": registration.device_id,
        "substatus": registration.substatus,
        "payload": registration.payload,
        "createdDateTimeUtc": registration.created,
        "lastUpdatedDateTimeUtc": registration.last_updated,
        "etag": registration.etag,
    }
    return {name: value for name, value in spelled.items() if value is not None}
