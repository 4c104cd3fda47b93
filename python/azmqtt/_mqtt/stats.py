"""What a client of any broker has counted and measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azmqtt._stats import Stats

if TYPE_CHECKING:
    from azmqtt._stats import RoundTrips

#: The figures by subject, in the order in which they are shown.
_GROUPS = {
    "connection": "connected_since token_valid_until connects reconnects connections_lost sessions_lost tokens_renewed",
    "messages": "messages_sent messages_failed messages_resent messages_received messages_unclaimed "
    "messages_dropped requests_answered replies_unmatched",
    "waiting now": "outstanding outstanding_bytes outbox in_flight messages_waiting handler_wait handler_wait_longest",
    "round trips": "publish_round_trip request_round_trip ping_round_trip",
    "bytes": "bytes_sent bytes_received",
}


class MqttStats(Stats):
    """A reading of what an :class:`~azmqtt.MqttClient` has counted and measured since it was made.

    Every figure is an attribute and an item; those that :class:`~azmqtt.Stats` has too mean the same here.

    Attributes:
        messages_unclaimed: Messages that no iterator and no handler wanted: acknowledged, and gone.
        messages_dropped: Messages at QoS 0 for which there was no room.
        requests_answered: Requests with their answer.
        replies_unmatched: Messages on the response topic of a request that answer none that is open.
        sessions_lost: Sessions that the broker had forgotten at a reconnect.
        tokens_renewed: Authentications anew on a connection that stands.
        request_round_trip: From a request to its answer; ``None`` before the first.
    """

    messages_unclaimed: int
    messages_dropped: int
    requests_answered: int
    replies_unmatched: int
    sessions_lost: int
    request_round_trip: RoundTrips | None

    __slots__ = ()

    @staticmethod
    def _groups() -> dict[str, str]:
        return _GROUPS
