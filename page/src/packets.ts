/** The timeline of packets: requests joined to their answers, and messages to their acknowledgements. */

import { between, isObject } from "./format";
import { codeName } from "./reason_codes";
import { Ring } from "./ring";
import type { Entry } from "./stream";

/** A packet with what belongs to it. */
export interface Row {
  packet: Entry;
  /** The topic of a message, even if the packet has only its alias. */
  topic?: string;
  /** Of the answer, once it has come. */
  answer?: Row;
  /** Whether packets behind it did not come, so that its answer may be among them. */
  isCut?: boolean;
  /** What this one answers. A packet may do both: the answer to a twin request is acknowledged in turn. */
  request?: Row;
}

/** Milliseconds between a request and its answer. */
export function latency(request: Row, answer: Row): number {
  return between(request.packet.time, answer.packet.time);
}

/** The most requests that wait for an answer, and the most topic aliases; the oldest is dropped. */
const MOST_OPEN = 2000;

function remember<T>(all: Map<string, T>, key: string, value: T): void {
  all.delete(key);
  all.set(key, value);
  if (all.size > MOST_OPEN) {
    const [oldest] = all.keys();
    all.delete(oldest as string);
  }
}

/** Answers to a packet identifier, by the type of the packet that they answer. */
const ANSWERS: Record<string, string> = { PUBACK: "PUBLISH", SUBACK: "SUBSCRIBE", UNSUBACK: "UNSUBSCRIBE", PUBCOMP: "PUBLISH" };

export class Timeline {
  #rows: Ring<Row>;
  #open = new Map<string, Row>();
  /** Topics by connection, direction and alias (MQTT 5, §3.3.2.3.4). */
  #aliases = new Map<string, string>();

  constructor(most: number) {
    this.#rows = new Ring<Row>(most);
  }

  /** Takes a packet with its length in characters. */
  push(packet: Entry, size: number): void {
    const row: Row = { packet, ...this.#topic(packet) };
    if (this.#rows.push(row, size)) {
      this.#forget();
    }
    for (const key of answered(packet)) {
      const request = this.#open.get(key);
      if (request) {
        this.#open.delete(key);
        request.answer = row;
        row.request = request;
        break;
      }
    }
    for (const key of asks(packet)) {
      remember(this.#open, key, row);
    }
  }

  /** Some packets do not come. */
  leaveOut(): void {
    for (const row of this.#open.values()) {
      row.isCut = true;
    }
  }

  #topic(packet: Entry): { topic?: string } {
    const { topic, properties, type, direction } = packet;
    if (type !== "PUBLISH" || typeof topic !== "string") {
      return {};
    }
    const pairs = Array.isArray(properties) ? properties : [];
    const alias = pairs.find((pair) => Array.isArray(pair) && pair[0] === "topic_alias") as [string, number] | undefined;
    if (alias === undefined) {
      return { topic };
    }
    const key = `${connection(packet)} ${String(direction)} ${alias[1]}`;
    if (topic !== "") {
      remember(this.#aliases, key, topic);
    }
    return { topic: this.#aliases.get(key) ?? "" };
  }

  /** Releases a packet that has left the ring: neither its partner nor the wait for an answer keeps it. */
  #forget(): void {
    const kept = new Set(this.#rows.newest(Infinity));
    for (const row of kept) {
      if (row.request && !kept.has(row.request)) {
        delete row.request;
      }
    }
    for (const [key, row] of this.#open) {
      if (!kept.has(row)) {
        this.#open.delete(key);
      }
    }
  }

  /** The newest rows that are wanted, the newest first. */
  newest(count: number, wanted: (row: Row) => boolean): Row[] {
    return this.#rows.newest(count, wanted);
  }
}

export function connection(packet: Entry): string {
  return `${String(packet["client_id"])} ${String(packet["connection"])}`;
}

/** The request id of a twin request or method, which stands in the topic behind `$rid=`. */
export function requestId(packet: Entry): string | undefined {
  const topic = packet["topic"];
  return typeof topic === "string" ? /[?&]\$rid=([^&]*)/.exec(topic)?.[1] : undefined;
}

/** The directions of a request and its answer are opposite. */
function opposite(direction: unknown): string {
  return direction === "to_server" ? "to_client" : "to_server";
}

function isAnswer(topic: unknown): boolean {
  return typeof topic === "string" && /^\$iothub\/(twin|methods)\/res\//.test(topic);
}

/** What an answer to this packet would be found by. */
function asks(packet: Entry): string[] {
  const keys: string[] = [];
  const rid = requestId(packet);
  if (rid !== undefined && !isAnswer(packet["topic"])) {
    keys.push(`${connection(packet)} ${String(packet["direction"])} rid ${rid}`);
  }
  const kind = packet["type"];
  const acknowledged = kind === "SUBSCRIBE" || kind === "UNSUBSCRIBE" || (kind === "PUBLISH" && packet["qos"] !== 0);
  if (acknowledged && typeof packet["packet_id"] === "number") {
    keys.push(`${connection(packet)} ${String(packet["direction"])} ${String(kind)} ${packet["packet_id"]}`);
  }
  if (kind === "CONNECT" || kind === "PINGREQ") {
    keys.push(`${connection(packet)} ${String(packet["direction"])} ${kind}`);
  }
  return keys;
}

/** What this packet answers. */
function answered(packet: Entry): string[] {
  const direction = opposite(packet["direction"]);
  const rid = requestId(packet);
  if (rid !== undefined && isAnswer(packet["topic"])) {
    return [`${connection(packet)} ${direction} rid ${rid}`];
  }
  const kind = String(packet["type"]);
  const of = ANSWERS[kind];
  if (of !== undefined) {
    return [`${connection(packet)} ${direction} ${of} ${String(packet["packet_id"])}`];
  }
  const plain: Record<string, string> = { CONNACK: "CONNECT", PINGRESP: "PINGREQ" };
  return plain[kind] === undefined ? [] : [`${connection(packet)} ${direction} ${plain[kind]}`];
}

/** Whether a packet refuses something (MQTT 5, §2.4; MQTT 3.1.1, §3.2.2.3). */
export function isRefusal({ packet }: Row): boolean {
  const codes = packet["return_codes"];
  const least = packet["type"] === "CONNACK" ? 1 : 0x80;
  return Array.isArray(codes) && codes.some((code) => typeof code === "number" && code >= least);
}

/** What a packet is about, in a few words. */
export function about({ packet, topic = packet["topic"] as string | undefined }: Row): string {
  if (typeof topic === "string") {
    try {
      return decodeURIComponent(topic);
    } catch {
      return topic;
    }
  }
  const filters = packet["filters"];
  if (Array.isArray(filters)) {
    return filters.join(", ");
  }
  const codes = packet["return_codes"];
  if (Array.isArray(codes)) {
    return codes.length === 0 ? "" : codes.map((code) => codeName(code, packet["type"])).join(", ");
  }
  if (packet["type"] === "CONNECT") {
    const session = packet["clean_session"] === true ? "new session" : "kept session";
    return `${String(packet["username"] ?? "no user name")}, ${session}, keep-alive ${String(packet["keep_alive"])} s`;
  }
  return typeof packet["reason"] === "string" ? packet["reason"] : "";
}

/** What a packet is for, where IoT Hub gives its topic a meaning (IoT Hub docs, "Use MQTT"). */
export function purpose(packet: Entry): string {
  const topic = packet["topic"];
  if (packet["type"] !== "PUBLISH" || typeof topic !== "string") {
    return "";
  }
  const known: [RegExp, string][] = [
    [/^\$iothub\/twin\/GET\//, "get twin"],
    [/^\$iothub\/twin\/PATCH\/properties\/reported\//, "report properties"],
    [/^\$iothub\/twin\/PATCH\/properties\/desired\//, "desired properties"],
    [/^\$iothub\/twin\/res\//, "twin answer"],
    [/^\$iothub\/methods\/POST\//, "call method"],
    [/^\$iothub\/methods\/res\//, "method answer"],
    [/^devices\/[^/]+\/(modules\/[^/]+\/)?messages\/events/, "telemetry"],
    [/^devices\/[^/]+\/messages\/devicebound/i, "cloud-to-device"],
    [/\/inputs\//, "input message"],
  ];
  return known.find(([pattern]) => pattern.test(topic))?.[1] ?? "";
}

/** A payload as text, whatever it is. */
export function payload(packet: Entry): string {
  const found = packet["payload"] ?? packet["payload_base64"];
  if (found === undefined || found === null) {
    return "";
  }
  return isObject(found) || Array.isArray(found) ? JSON.stringify(found) : String(found);
}
