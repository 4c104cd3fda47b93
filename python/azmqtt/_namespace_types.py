"""What a local namespace hands out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

    from azmqtt._hub_certificates import DeviceCertificate

#: What of a certificate shows the authentication name; the last needs thumbprints, the others a CA certificate.
ValidationScheme: TypeAlias = Literal[
    "SubjectMatchesAuthenticationName",
    "DnsMatchesAuthenticationName",
    "UriMatchesAuthenticationName",
    "IpMatchesAuthenticationName",
    "EmailMatchesAuthenticationName",
    "ThumbprintMatch",
]

#: A field of a client certificate that holds the authentication name.
NameSource: TypeAlias = Literal[
    "ClientCertificateSubject",
    "ClientCertificateDns",
    "ClientCertificateUri",
    "ClientCertificateIp",
    "ClientCertificateEmail",
]

#: What a permission binding grants.
Permission: TypeAlias = Literal["Publisher", "Subscriber"]

#: What became of a client or its session (Event Grid docs, "MQTT client life cycle events").
LifeCycleKind: TypeAlias = Literal[
    "MQTTClientSessionConnected", "MQTTClientSessionDisconnected", "MQTTClientCreatedOrUpdated", "MQTTClientDeleted"
]

#: Why a session was disconnected.
DisconnectionReason: TypeAlias = Literal[
    "ClientAuthenticationError",
    "ClientAuthorizationError",
    "ClientError",
    "ClientInitiatedDisconnect",
    "ConnectionLost",
    "QuotaExceeded",
    "ServerError",
    "ServerInitiatedDisconnect",
    "SessionOverflow",
    "SessionTakenOver",
]

#: The value of a client's attribute.
AttributeValue: TypeAlias = "int | str | list[str]"


@dataclass(frozen=True)
class NamespaceClient:
    """A client of a local namespace, as the service's resource ``clients`` has it.

    Attributes:
        name: The name of the resource.
        authentication_name: The name under which the client connects: the user name of CONNECT.
        validation_scheme: What of its certificate shows who it is.
        allowed_thumbprints: With ``ThumbprintMatch``, those of its certificates.
        attributes: What queries of client groups and topic templates may use.
        description: For people.
        enabled: Whether it may connect.
        certificate: The one that was made with the client; ``None`` if it has its own.
    """

    name: str
    authentication_name: str
    validation_scheme: ValidationScheme
    allowed_thumbprints: tuple[str, ...] = ()
    attributes: dict[str, AttributeValue] = field(default_factory=dict)
    description: str = ""
    enabled: bool = True
    certificate: DeviceCertificate | None = field(default=None, repr=False)


@dataclass(frozen=True)
class NamespaceMessage:
    """A message as a local namespace received it, delivered or not.

    Attributes:
        topic: Where to.
        payload: The bytes as sent.
        qos: 0 or 1.
        retain: Whether it was published to be kept for later subscribers.
        authentication_name: Of the client that published it; ``None`` if no client did.
        client_id: The name of its session; ``None`` for the will of a session that is over.
        user_properties: Pairs of a name and a value, in order; these and the following are of MQTT 5.
        content_type: What the payload is.
        response_topic: Where an answer is wanted.
        correlation_data: What an answer is to carry.
        message_expiry: Seconds for which it is worth delivering.
        payload_format: 1 if the payload is said to be UTF-8.
        time: When the namespace took it, in UTC.
        sequence: Counts the messages of the namespace, from 1.
    """

    topic: str
    payload: bytes
    qos: int
    retain: bool
    authentication_name: str | None
    client_id: str | None
    user_properties: tuple[tuple[str, str], ...]
    content_type: str | None
    response_topic: str | None
    correlation_data: bytes | None
    message_expiry: int | None
    payload_format: int | None
    time: datetime
    sequence: int

    @property
    def text(self) -> str:
        """The payload as UTF-8 text.

        Raises:
            UnicodeDecodeError: The payload is something else.
        """
        return self.payload.decode()

    def _repr_html_(self) -> str:
        """Show a table in Jupyter."""
        from azmqtt._support import html

        return html.namespace_message(self)

    def json(self) -> Any:
        """Return the payload, parsed as JSON.

        Raises:
            ValueError: The payload is something else; NaN and infinities are not JSON.
        """
        from azmqtt._support import strict_json

        return strict_json.read(self.payload)


@dataclass(frozen=True)
class LifeCycleEvent:
    """What became of a client of a local namespace, or of its session.

    Attributes:
        kind: ``"MQTTClientSessionConnected"``, ``"MQTTClientSessionDisconnected"``, ``"MQTTClientCreatedOrUpdated"`` or
            ``"MQTTClientDeleted"``: the service's type of the event, behind ``Microsoft.EventGrid.``.
        authentication_name: The client's, ``clientAuthenticationName``.
        client_id: The name of the session, ``clientSessionName``; ``None`` in events of client resources.
        connection: The number of the connection, ``sequenceNumber``: the end of one has that of its beginning.
        disconnection_reason: Why it ended, such as ``"ClientInitiatedDisconnect"`` or ``"ConnectionLost"``.
        client_name: The name of the resource; ``None`` in events of sessions.
        enabled: Of a client that was made or changed, whether it may connect.
        attributes: Of a client that was made or changed.
        time: When it happened, in UTC.
        sequence: Counts the events of the namespace, from 1.
    """

    kind: LifeCycleKind
    authentication_name: str
    client_id: str | None
    connection: int | None
    disconnection_reason: DisconnectionReason | None
    client_name: str | None
    enabled: bool | None
    attributes: dict[str, AttributeValue]
    time: datetime
    sequence: int

    def __str__(self) -> str:
        """Say what became of whom, in a line."""
        whom = self.client_id or self.client_name
        reason = f": {self.disconnection_reason}" if self.disconnection_reason else ""
        return f"#{self.sequence} {self.kind} {whom} ({self.authentication_name}){reason}"


@dataclass(frozen=True)
class CaCertificate:
    """An authority whose client certificates a local namespace takes.

    Attributes:
        name: Its name.
        encoded_certificate: The certificate, in PEM.
        issue_time: From when on it is valid, in UTC.
        expiry_time: Up to when it is valid, in UTC.
        description: For people.
    """

    name: str
    encoded_certificate: str
    issue_time: datetime
    expiry_time: datetime
    description: str = ""


@dataclass(frozen=True)
class ClientGroup:
    """A client group of a local namespace.

    Attributes:
        name: Its name.
        query: Which clients belong to it, such as ``attributes.type = 'pump'``.
        description: For people.
    """

    name: str
    query: str
    description: str = ""


@dataclass(frozen=True)
class TopicSpace:
    """A topic space of a local namespace.

    Attributes:
        name: Its name.
        topic_templates: Its topics: filters, in which ``${client.authenticationName}`` and ``${client.attributes.key}``
            stand for the client's own.
        description: For people.
    """

    name: str
    topic_templates: tuple[str, ...]
    description: str = ""


@dataclass(frozen=True)
class PermissionBinding:
    """A permission binding of a local namespace: it grants the clients of a group the topics of a space.

    Attributes:
        name: Its name.
        client_group_name: Whom; ``$all`` is every client.
        topic_space_name: The topics.
        permission: ``"Publisher"`` or ``"Subscriber"``.
        description: For people.
    """

    name: str
    client_group_name: str
    topic_space_name: str
    permission: Permission
    description: str = ""
