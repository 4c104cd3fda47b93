/** What has come by the stream: the newest of it, so that a page that is left open does not grow. */

import { isObject, text, type JsonObject } from "./format";
import { Timeline } from "./packets";
import { Ring } from "./ring";
import type { Entry, StreamState } from "./stream";

/** Messages a second, over the last few seconds. */
class Rate {
  #slots: [number, number][] = [];

  add(messages: number): void {
    const second = Math.floor(Date.now() / 1000);
    const last = this.#slots.at(-1);
    if (last?.[0] === second) {
      last[1] += messages;
    } else {
      this.#slots.push([second, messages]);
      this.#slots = this.#slots.slice(-6);
    }
  }

  /** Of the last five whole seconds. */
  get perSecond(): number {
    const now = Math.floor(Date.now() / 1000);
    const sum = this.#slots.filter(([second]) => second < now && second >= now - 5).reduce((all, [, n]) => all + n, 0);
    return sum / 5;
  }
}

/** The fate of a cloud-to-device message, by its id. */
const FATES = 1000;

export class Store {
  /** Telemetry of devices, or what clients publish. */
  readonly messages = new Ring<Entry>(2000);
  readonly events = new Ring<Entry>(4000);
  readonly timeline = new Timeline(4000);
  readonly rate = new Rate();
  readonly fates = new Map<string, { type: string; time: string }>();
  state: StreamState = "connecting";
  /** Messages that the stream left out because there were too many. */
  leftOut = 0;
  /** Packets that it left out. */
  packetsLeftOut = 0;
  /** Counts what has come, so that a view sees whether there is anything new. */
  version = 0;
  /** A view that shows messages as they arrive. */
  onMessage: ((entry: Entry) => void) | undefined;
  onEvent: ((entry: Entry) => void) | undefined;

  /** Takes an entry with its length in characters. */
  entry(entry: Entry, size: number): void {
    this.version += 1;
    if (isMessages(entry.kind)) {
      this.messages.push(entry, size);
      this.rate.add(1);
      this.onMessage?.(entry);
    } else if (entry.kind === "packets") {
      this.timeline.push(entry, size);
    } else {
      this.events.push(entry, size);
      this.#fate(entry);
      this.onEvent?.(entry);
    }
  }

  /** Notes how many entries of a kind the stream leaves out. */
  leaveOut(kind: string, number: number): void {
    if (isMessages(kind)) {
      this.leftOut += number;
      this.rate.add(number);
    } else if (kind === "packets") {
      this.packetsLeftOut += number;
      this.timeline.leaveOut();
    }
  }

  #fate(entry: Entry): void {
    const [type, id] = [text(entry, "type") ?? "", text(entry, "message_id")];
    if (!type.startsWith("c2d.") || id === undefined) {
      return;
    }
    this.fates.delete(id);
    this.fates.set(id, { type: type.slice(4), time: entry.time });
    if (this.fates.size > FATES) {
      const [oldest] = this.fates.keys();
      this.fates.delete(oldest as string);
    }
  }
}

/** Whether these are messages of devices to a hub, or of clients to a namespace. */
function isMessages(kind: string): boolean {
  return kind === "telemetry" || kind === "messages";
}

/** Whether an entry is of a device, and of the module if one is named; without one, of the device itself. */
export function isOf(entry: JsonObject, device: string, module: string | undefined): boolean {
  return entry["device_id"] === device && (entry["module_id"] ?? undefined) === module;
}

/** The numbers in a message's body, each by its path: at most so many, and not deeper than three levels. */
export function numbers(body: unknown, most = 12): [string, number][] {
  const found: [string, number][] = [];
  const walk = (value: unknown, path: string, depth: number): void => {
    if (found.length >= most) {
      return;
    }
    if (typeof value === "number" && Number.isFinite(value)) {
      found.push([path === "" ? "value" : path, value]);
    } else if (isObject(value) && depth < 3) {
      for (const [name, member] of Object.entries(value)) {
        walk(member, path === "" ? name : `${path}.${name}`, depth + 1);
      }
    }
  };
  walk(body, "", 0);
  return found;
}
