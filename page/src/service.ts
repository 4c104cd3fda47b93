/** What differs between the page of a hub and that of a namespace. */

import type { Context, View } from "./context";
import type { JsonObject } from "./format";
import type { Row } from "./packets";
import type { Entry } from "./stream";

/** A fault that the user switches on and off. */
export interface Switch {
  title: string;
  hint: string;
  rule: JsonObject;
}

export interface Service {
  /** `hub` or `namespace`, for use in texts. */
  word: "hub" | "namespace";
  /** Names in addresses, with their titles. The page starts with the first. */
  places: readonly (readonly [string, string])[];
  /** The view of an address. */
  view(context: Context, parts: string[]): View;
  /** The kind of its messages in the stream. */
  messages: string;
  /** The API version in the query of requests to a path; empty if it takes none. */
  version(path: string): string;
  /** Controls that explain a packet or event of a refusal. */
  why?: {
    packet(row: Row, context: Context): HTMLElement | undefined;
    event(event: Entry): HTMLElement | undefined;
  };
  /** How to record packets, and messages. */
  recordsPackets: string;
  recordsMessages: string;
  /** Kinds of events to choose from. */
  families: Record<string, (type: string) => boolean>;
  /** The subject of an event, and the title of that column. */
  who: { title: string; of(event: Entry): string };
  faults: {
    /** The moments at which each fault may strike; the first is the default. */
    moments: Record<string, string[]>;
    switches: Switch[];
    /** The member of a rule that names the device or client that it affects, with words for one and for all. */
    target: { member: string; one: string; all: string };
    /** The member of a rule with the status or code of a refusal, by the fault. */
    status(fault: string): string;
    statusLabel: string;
  };
}
