"""Connect to Event Grid with Microsoft Entra tokens that renew: ``python event_grid.py HOST PORT CA_FILE``."""

import sys
import time
from typing import NamedTuple

import azmqtt


class Token(NamedTuple):
    """What a credential of azure-identity returns."""

    token: str
    expires_on: int


class StandIn:
    """A stand-in for ``azure.identity.DefaultAzureCredential()``, with tokens that live for two seconds."""

    def get_token(self, scope: str) -> Token:
        """Issue a token for a scope."""
        print("a token is wanted for", scope)
        return Token("what Microsoft Entra has signed", int(time.time()) + 2)


def main(hostname: str, port: str = "8883", ca_file: str | None = None) -> None:
    """Publish for longer than a token lives, over one connection."""
    with azmqtt.MqttClient(
        hostname,  # of Azure: {namespace}.{region}-1.ts.eventgrid.azure.net, omit port and trust there
        "feeder-1",
        port=int(port),
        trust=ca_file,
        authentication=azmqtt.EntraToken(StandIn()),
    ) as client:
        deadline = time.monotonic() + 20
        while client.stats().tokens_renewed < 1 and time.monotonic() < deadline:
            client.publish("contosotopics/feeder-1", {"temperature": 21.5})
            time.sleep(0.1)
        stats = client.stats()
        print("tokens renewed:", stats.tokens_renewed, "connections lost:", stats.connections_lost)


if __name__ == "__main__":
    main(*sys.argv[1:])
