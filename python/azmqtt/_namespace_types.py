"""The types that a local namespace returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

    from azmqtt._hub_certificates import DeviceCertificate

#: The field of a certificate that holds the authentication name; the last scheme needs thumbprints, the others a CA
#: certificate.
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

#: The right that a permission binding grants.
Permission: TypeAlias = Literal["Publisher", "Subscriber"]

#: The kind of a life cycle event (Event Grid docs, "MQTT client life cycle events").
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
    """A client of a local namespace, with the fields of the service's resource ``clients``.

    Attributes:
        name: The name of the resource.
        authentication_name: The name with which the client connects: the user name of CONNECT.
        validation_scheme: The field of the client's certificate that must match the authentication name.
        allowed_thumbprints: With ``ThumbprintMatch``, the thumbprints of the client's certificates.
        attributes: The client's attributes, for the queries of client groups and for topic templates.
        description: A human-readable description.
        enabled: Whether the client may connect.
        certificate: The certificate that the namespace created with the client; ``None`` if it created none.
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
        topic: The topic that the message was published to.
        payload: The payload, as sent.
        qos: 0 or 1.
        retain: The RETAIN flag: whether the namespace keeps it for later subscribers.
        authentication_name: The name of the client that published it; ``None`` if no client did.
        client_id: The client identifier of the session; ``None`` for the will of a session that has ended.
        user_properties: Pairs of a name and a value, in order. This and the following fields are MQTT 5 properties.
        content_type: The media type of the payload.
        response_topic: The topic to publish a response to.
        correlation_data: The bytes that a response must carry.
        message_expiry: Seconds until the message expires.
        payload_format: 1 if the publisher marked the payload as UTF-8.
        time: When the namespace received it, in UTC.
        sequence: The number of the message on this namespace, from 1.
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
        """The payload decoded as UTF-8.

        Raises:
            UnicodeDecodeError: The payload is not UTF-8.
        """
        return self.payload.decode()

    def _repr_html_(self) -> str:
        """Show a table in Jupyter."""
        from azmqtt._support import html

        return html.namespace_message(self)

    def json(self) -> Any:
        """Return the payload parsed as JSON.

        Raises:
            ValueError: The payload is not JSON. NaN and infinities are not JSON either.
        """
        from azmqtt._support import strict_json

        return strict_json.read(self.payload)


@dataclass(frozen=True)
class LifeCycleEvent:
    """A life cycle event of a client of a local namespace, or of its session.

    Attributes:
        kind: ``"MQTTClientSessionConnected"``, ``"MQTTClientSessionDisconnected"``, ``"MQTTClientCreatedOrUpdated"`` or
            ``"MQTTClientDeleted"``: the service's event type without ``Microsoft.EventGrid.``.
        authentication_name: The client's authentication name, ``clientAuthenticationName``.
        client_id: The client identifier of the session, ``clientSessionName``; ``None`` in events of client resources.
        connection: The number of the connection, ``sequenceNumber``. Its connect and disconnect have the same number.
        disconnection_reason: Why it ended, such as ``"ClientInitiatedDisconnect"`` or ``"ConnectionLost"``.
        client_name: The name of the resource; ``None`` in events of sessions.
        enabled: In the creation or change of a client, whether it may connect.
        attributes: In the creation or change of a client, its attributes.
        time: When it happened, in UTC.
        sequence: The number of the event on this namespace, from 1.
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
        """Describe the event in one line."""
        whom = self.client_id or self.client_name
        reason = f": {self.disconnection_reason}" if self.disconnection_reason else ""
        return f"#{self.sequence} {self.kind} {whom} ({self.authentication_name}){reason}"


@dataclass(frozen=True)
class CaCertificate:
    """A certificate authority whose client certificates a local namespace accepts.

    Attributes:
        name: The name of the resource.
        encoded_certificate: The certificate, in PEM.
        issue_time: The start of its validity, in UTC.
        expiry_time: The end of its validity, in UTC.
        description: A human-readable description.
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
        name: The name of the resource.
        query: The condition on the attributes of its clients, such as ``attributes.type = 'pump'``.
        description: A human-readable description.
    """

    name: str
    query: str
    description: str = ""


@dataclass(frozen=True)
class TopicSpace:
    """A topic space of a local namespace.

    Attributes:
        name: The name of the resource.
        topic_templates: Topic filters in which ``${client.authenticationName}`` and ``${client.attributes.key}`` are
            replaced by the values of the client.
        description: A human-readable description.
    """

    name: str
    topic_templates: tuple[str, ...]
    description: str = ""


@dataclass(frozen=True)
class PermissionBinding:
    """A permission binding of a local namespace: it grants a client group a right to the topics of a topic space.

    Attributes:
        name: The name of the resource.
        client_group_name: The client group; ``$all`` contains every client.
        topic_space_name: The topic space.
        permission: ``"Publisher"`` or ``"Subscriber"``.
        description: A human-readable description.
    """

    name: str
    client_group_name: str
    topic_space_name: str
    permission: Permission
    description: str = ""
