/** The page of a local namespace. */

import { text } from "./format";
import { NAMESPACE_FAULTS } from "./namespace_faults";
import type { Service } from "./service";
import { clientGroups } from "./views/client_groups";
import { ClientView } from "./views/client";
import { Clients } from "./views/clients";
import { Events } from "./views/events";
import { Faults } from "./views/faults";
import { Packets } from "./views/packets";
import { Permissions } from "./views/permissions";
import { Published } from "./views/published";
import { topicSpaces } from "./views/topic_spaces";
import { whyOfEvent, whyOfPacket } from "./why";

export const NAMESPACE: Service = {
  word: "namespace",
  places: [
    ["clients", "Clients"],
    ["groups", "Client groups"],
    ["spaces", "Topic spaces"],
    ["permissions", "Permissions"],
    ["messages", "Messages"],
    ["packets", "Packets"],
    ["events", "Events"],
    ["refusals", "Refusals"],
    ["faults", "Faults"],
  ],
  messages: "messages",
  version: (path) => (path.startsWith("/subscriptions/") ? "api-version=2025-02-15" : ""),
  recordsPackets: "This namespace does not record packets. Start it with --open, or use LocalNamespace(record_packets=True).",
  recordsMessages: "This namespace does not record messages. Start it with LocalNamespace(record=True).",
  why: { packet: whyOfPacket, event: whyOfEvent },
  families: {
    "All events": () => true,
    Refusals: (type) => type.endsWith(".refused"),
    Connections: (type) => type.startsWith("connection."),
    Clients: (type) => type.startsWith("client."),
    Faults: (type) => type === "fault.struck",
  },
  who: { title: "Client", of: (event) => text(event, "client") ?? text(event, "remote") ?? "" },
  faults: NAMESPACE_FAULTS,
  view(context, [place, first, second, third]) {
    switch (place) {
      case "groups":
        return clientGroups(context);
      case "spaces":
        return topicSpaces(context);
      case "permissions":
        return new Permissions(context, { client: first ?? "", action: second ?? "", topic: third ?? "" });
      case "messages":
        return new Published(context, first ?? "", second ?? "");
      case "packets":
        return new Packets(context, undefined, first);
      case "events":
        return new Events(context, undefined, "All events", first);
      case "refusals":
        return new Events(context, undefined, "Refusals");
      case "faults":
        return new Faults(context);
      default:
        return first === undefined ? new Clients(context) : new ClientView(context, first);
    }
  },
};
