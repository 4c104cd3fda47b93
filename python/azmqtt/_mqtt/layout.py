"""How the options of a client of any broker are laid out for the core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from azmqtt._mqtt.types import WillFields


class BrokerOptions(TypedDict):
    """The options as the core takes them: all of them, plain."""

    hostname: str
    port: int
    tls: bool
    websocket: bool
    path: str
    proxy: str | None
    trust: bytes | None
    certificate: Any
    protocol: int
    client_id: str
    username: str | None
    password: bytes | None
    clean_start: bool
    session_expiry: int
    keep_alive: int
    receive_maximum: int
    max_packet_size: int
    topic_alias_maximum: int
    will: WillFields | None
    user_properties: list[tuple[str, str]]
    authentication: Any
    retry_base: float
    retry_max: float
    retry_first_connect: bool
    outbox_messages: int
    outbox_bytes: int
    resend: bool
    manual_acknowledge: bool
    auto_connect: bool
    exclusive: bool
    timeout: float
    json_default: Any
    topic_bytes: int
    topic_levels: int
