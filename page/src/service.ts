/** What differs between the page of a hub and that of a namespace. */

import type { Context, View } from "./context";
import type { JsonObject } from "./format";
import type { Row } from "./packets";
import type { Entry } from "./stream";

/** A fault that people switch on and off. */
export interface Switch {
  title: string;
  hint: string;
  rule: JsonObject;
}

export interface Service {
  /** `hub` or `namespace`, as in text. */
  word: "hub" | "namespace";
  /** Names in addresses, and titles. The first is shown first. */
  places: readonly (readonly [string, string])[];
  /** The view of an address. */
  view(context: Context, parts: string[]): View;
  /** What its stream brings; packets are the last. */
  streams: readonly string[];
  /** Whether requests to a path carry the version of an API, and which. */
  version(path: string): string;
  /** What leads from a packet or event of a refusal to the reason. */
  why?: {
    packet(row: Row, context: Context): HTMLElement | undefined;
    event(event: Entry): HTMLElement | undefined;
  };
  /** How packets come to be recorded. */
  recordsPackets: string;
  /** Kinds of events to choose from. */
  families: Record<string, (type: string) => boolean>;
  /** Who an event is about, and the title of that column. */
  who: { title: string; of(event: Entry): string };
  faults: {
    /** Each with the moments that it may be on; the first is the one by default. */
    moments: Record<string, string[]>;
    switches: Switch[];
    /** The member of a rule that names whose traffic it is for, with words for one and for all. */
    target: { member: string; one: string; all: string };
    /** The member of a rule with the status or code of a refusal, by the fault. */
    status(fault: string): string;
    statusLabel: string;
  };
}
