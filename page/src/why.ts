/** Links from a refused packet or event to the question whether its client may do that. */

import { href } from "./address";
import type { Context } from "./context";
import { button } from "./dom";
import { text } from "./format";
import { clients, texts } from "./management";
import { connection, type Row } from "./packets";
import { NOT_AUTHORIZED } from "./reason_codes";
import type { Entry } from "./stream";

/** Failure of a subscription in MQTT 3.1.1 (§3.9.3), or in MQTT 5 if a behaviour of the namespace selects it. */
const FAILURE = 0x80;

interface Refused {
  session: string;
  action: string;
  topic: string;
}

/** The request that a packet answers. A DISCONNECT may answer a message at QoS 0, which has no other answer (Event Grid docs). */
function requestOf(row: Row, { store }: Context): Row {
  const { type, direction, id } = row.packet;
  if (type !== "DISCONNECT" || direction !== "to_client") {
    return row.request ?? row;
  }
  const isLast = ({ packet }: Row): boolean =>
    packet.id < id && packet["type"] === "PUBLISH" && packet["direction"] === "to_server" && connection(packet) === connection(row.packet);
  return store.timeline.newest(1, isLast)[0] ?? row;
}

/** What was refused because of a missing permission, if a packet and its answer show this. */
function refused(row: Row, context: Context): Refused | undefined {
  const request = requestOf(row, context);
  const answer = request === row ? row.answer : row;
  const codes = answer?.packet["return_codes"];
  const at = Array.isArray(codes) ? codes.findIndex((code) => code === NOT_AUTHORIZED || code === FAILURE) : -1;
  const { filters, type, client_id } = request.packet;
  const subject = type === "SUBSCRIBE" ? texts(filters)[at] : request.topic;
  if (at === -1 || typeof subject !== "string" || typeof client_id !== "string") {
    return undefined;
  }
  return { session: client_id, action: type === "SUBSCRIBE" ? "subscribe" : "publish", topic: subject };
}

const LABEL = "Why? Ask the permissions";

/** A button that asks the question, for an event of a refusal. */
export function whyOfEvent(event: Entry): HTMLElement | undefined {
  const action = /^(publish|subscribe)\.refused$/.exec(text(event, "type") ?? "")?.[1];
  const [client, topic] = [text(event, "client"), text(event, "topic") ?? text(event, "filter")];
  if (action === undefined || client === undefined || topic === undefined) {
    return undefined;
  }
  return button(LABEL, () => (location.hash = href("permissions", client, action, topic)));
}

/** A button that asks the question, for a packet that was refused or its answer. */
export function whyOfPacket(row: Row, context: Context): HTMLElement | undefined {
  const found = refused(row, context);
  if (found === undefined) {
    return undefined;
  }
  const { session, action, topic } = found;
  return button(LABEL, () => {
    // The packet has the client identifier; the question is about the client that has the session.
    const open = (client: string): string => (location.hash = href("permissions", client, action, topic));
    clients(context.api).then(
      (all) => open(all.find(({ sessions }) => sessions.some((each) => each.session === session))?.name ?? session),
      () => open(session),
    );
  });
}
