/** The one stream of a tab: messages, events and packets as they arrive (`GET /azmqtt/stream`, Server-Sent Events). */

import { isObject, type JsonObject } from "./format";

/** An entry of a ring of the service. */
export interface Entry extends JsonObject {
  kind: string;
  id: number;
  time: string;
}

export type StreamState = "connecting" | "live" | "waiting" | "ended";

export interface Listener {
  /** An entry, with its length as text. */
  entry(entry: Entry, size: number): void;
  lost(kind: string, count: number): void;
  /** A part of the stream is over, and somebody may look at what has come. */
  arrived(): void;
  state(state: StreamState): void;
  refused(): void;
}

/** The service writes something every 15 s. */
const SILENCE = 45_000;
const LONGEST_PAUSE = 10_000;

/** The most entries of each kind per second: nobody can read more, and showing them would slow the service down. */
const RATE = 2500;

/** A line that never ends is not read on, in characters. */
const LONGEST_LINE = 8 << 20;

/** Splits Server-Sent Events into the lines of `data:` and `id:` (HTML Standard, "Parsing an event stream"). */
export class EventLines {
  #rest = "";
  position = "";

  /** Takes a part of the stream; gives each line of data. */
  take(part: string, data: (line: string) => void): void {
    const all = this.#rest + part;
    let from = 0;
    for (let end = all.indexOf("\n"); end !== -1; end = all.indexOf("\n", from)) {
      if (all.startsWith("data: ", from)) {
        data(all.slice(from + 6, end));
      } else if (all.startsWith("id: ", from)) {
        this.position = all.slice(from + 4, end);
      }
      from = end + 1;
    }
    this.#rest = all.slice(from);
    if (this.#rest.length > LONGEST_LINE) {
      throw new Error("a line of the stream is too long");
    }
  }
}

export class Stream {
  #lines = new EventLines();
  #pause = 500;

  constructor(
    private readonly authorization: string,
    private readonly kinds: readonly string[],
    private readonly listener: Listener,
  ) {}

  /** Reads until the service does not know the token any more; connects anew after each end, where it was. */
  async run(): Promise<void> {
    for (;;) {
      this.listener.state("connecting");
      const over = await this.#connect().catch(() => false);
      if (over) {
        this.listener.state("ended");
        return;
      }
      this.listener.state("waiting");
      await new Promise((resume) => setTimeout(resume, this.#pause));
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    }
  }

  async #connect(): Promise<boolean> {
    const { position } = this.#lines;
    const target = `/azmqtt/stream?rate=${RATE}&kinds=${this.kinds.join(",")}${position === "" ? "" : `&since=${position}`}`;
    const abort = new AbortController();
    const watchdog = setInterval(() => {
      if (Date.now() - heard > SILENCE) {
        abort.abort();
      }
    }, 5000);
    let heard = Date.now();
    try {
      const answer = await fetch(target, {
        headers: { Authorization: this.authorization, Accept: "text/event-stream" },
        credentials: "omit",
        cache: "no-store",
        signal: abort.signal,
      });
      if (answer.status === 401) {
        this.listener.refused();
        return true;
      }
      if (!answer.ok || answer.body === null) {
        return false;
      }
      this.listener.state("live");
      this.#pause = 500;
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        heard = Date.now();
        this.#lines.take(part.value, (line) => this.#data(line));
        this.listener.arrived();
      }
      return false;
    } finally {
      clearInterval(watchdog);
      this.#lines = Object.assign(new EventLines(), { position: this.#lines.position });
    }
  }

  #data(line: string): void {
    const entry: unknown = JSON.parse(line);
    if (!isObject(entry) || typeof entry["kind"] !== "string" || typeof entry["id"] !== "number") {
      return;
    }
    if (typeof entry["lost"] === "number") {
      this.listener.lost(entry["kind"], entry["lost"]);
    } else {
      this.listener.entry(entry as Entry, line.length);
    }
  }
}
