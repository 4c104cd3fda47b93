/** From a packet that was refused to the question whether its client may do that. */

import { href } from "./address";
import type { Context } from "./context";
import { button } from "./dom";
import { clients, texts } from "./management";
import { connection, type Row } from "./packets";
import { NOT_AUTHORIZED } from "./reason_codes";

/** Failure of a subscription in MQTT 3.1.1 (§3.9.3), or of one that a behaviour of the namespace words so. */
const FAILURE = 0x80;

interface Refused {
  session: string;
  action: string;
  topic: string;
}

/** What a packet answers, or what a DISCONNECT is the end of: a message at QoS 0 has no other answer (Event Grid docs). */
function requestOf(row: Row, { store }: Context): Row {
  const { type, direction, id } = row.packet;
  if (type !== "DISCONNECT" || direction !== "to_client") {
    return row.request ?? row;
  }
  const isLast = ({ packet }: Row): boolean =>
    packet.id < id && packet["type"] === "PUBLISH" && packet["direction"] === "to_server" && connection(packet) === connection(row.packet);
  return store.timeline.newest(1, isLast)[0] ?? row;
}

/** What was refused for want of a right, if a packet and its answer tell of that. */
export function refused(row: Row, context: Context): Refused | undefined {
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

/** A button that asks it. */
export function whyButton(context: Context, { session, action, topic }: Refused): HTMLElement {
  return button("Why? Ask the permissions", () => {
    const open = (client: string): string => (location.hash = href("permissions", client, action, topic));
    clients(context.api).then(
      (all) => open(all.find(({ sessions }) => sessions.some((each) => each.session === session))?.name ?? session),
      () => open(session),
    );
  });
}
