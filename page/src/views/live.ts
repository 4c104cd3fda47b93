/** Messages as they arrive, with a chart of their numbers. */

import { Chart } from "../chart";
import type { Context, View } from "../context";
import { button, empty, h, say, type Child } from "../dom";
import { clock, count, isObject, pretty, type Json } from "../format";
import { Ring } from "../ring";
import { numbers } from "../store";
import type { Entry } from "../stream";
import { Table, type Column } from "../table";

const SHOWN = 25;

/** The most sources in a chart. */
const MOST_SOURCES = 8;

/** The body of a message as a line of text. */
export function body(message: Entry): string {
  const found = message["body"] ?? message["body_base64"];
  return typeof found === "string" ? found : JSON.stringify(found ?? null);
}

/** Names and values in one line. */
export function pairs(value: unknown): string {
  if (!isObject(value)) {
    return "";
  }
  return Object.entries(value)
    .map(([name, text]) => `${name}=${typeof text === "string" ? text : JSON.stringify(text)}`)
    .join(", ");
}

/** Which messages are shown, and how. */
export interface Shown {
  columns: Column<Entry>[];
  /** Where messages come from. */
  hint: string;
  wanted(message: Entry): boolean;
  /** The prefix of a message's numbers in the chart, before their paths; messages of one source share a point. */
  source(message: Entry): string;
}

export const TIME: Column<Entry> = { title: "Time", text: (message) => clock(message.time), className: "time" };

export class LiveMessages implements View {
  readonly element: HTMLElement;
  #chart = new Chart(h("div"));
  #table: Table<Entry>;
  #detail = h("pre", { class: "detail", hidden: true, tabindex: 0, "aria-label": "The chosen message" });
  #rate = h("span", { class: "count" });
  #pause = button("Pause", () => this.#toggle(), "", { "aria-pressed": "false" });
  #none: HTMLElement;
  #chartPanel: HTMLElement;
  #paused = false;
  #seen = 0;
  #tenth = "";
  /** The newest message of each source in this tenth of a second. */
  #newest = new Map<string, Entry>();
  #kept = new Ring<Entry>(SHOWN);
  #drawn = -1;

  constructor(
    private readonly context: Context,
    private readonly shown: Shown,
    ...tools: Child[]
  ) {
    this.#table = new Table<Entry>(shown.columns, (message) => this.#choose(message), "Messages");
    this.#table.element.classList.add("even");
    const { records, service } = context;
    this.#none = empty("No messages yet", h("p", {}, records.includes(service.messages) ? shown.hint : service.recordsMessages));
    this.#chartPanel = h("section", { class: "panel", hidden: true }, h("h2", {}, "Numbers"), this.#chart.element);
    const head = h("div", { class: "panel-head" }, h("h2", {}, "Messages"), this.#rate, h("span", { class: "grow" }), this.#pause, ...tools);
    const list = h("section", { class: "panel" }, head, this.#table.element, this.#none, this.#detail);
    this.element = h("div", {}, this.#chartPanel, list);
    this.restart();
    context.store.onMessage = (message) => this.#take(message);
  }

  /** Starts again with the messages that the page has kept, after the filter has changed. */
  restart(): void {
    this.#chart.clear();
    this.#newest.clear();
    this.#kept = new Ring<Entry>(SHOWN);
    this.#seen = 0;
    this.#drawn = -1;
    for (const message of this.context.store.messages.newest(Infinity, (one) => this.shown.wanted(one)).reverse()) {
      this.#take(message);
    }
    this.draw(true);
  }

  leave(): void {
    this.context.store.onMessage = undefined;
    this.#chart.recolour();
  }

  recolour(): void {
    this.#chart.recolour();
  }

  draw(always = false): void {
    this.#point();
    this.#chartPanel.hidden = this.#chart.isEmpty;
    if (this.#paused && !always) {
      return;
    }
    this.#chart.draw();
    if (this.#drawn === this.#seen) {
      return;
    }
    this.#drawn = this.#seen;
    const shown = this.#kept.newest(SHOWN);
    this.#table.show(shown);
    this.#table.element.hidden = shown.length === 0;
    this.#none.hidden = shown.length > 0;
    say(this.#rate, `${count(this.#seen)} received`);
  }

  #take(message: Entry): void {
    if (!this.shown.wanted(message)) {
      return;
    }
    this.#seen += 1;
    this.#kept.push(message);
    // Messages of the same tenth of a second share a point of the chart, which shows the newest.
    const tenth = message.time.slice(0, 21);
    if (tenth !== this.#tenth) {
      this.#point();
      this.#tenth = tenth;
    }
    const source = this.shown.source(message);
    if (this.#newest.has(source) || this.#newest.size < MOST_SOURCES) {
      this.#newest.set(source, message);
    }
  }

  #point(): void {
    if (this.#newest.size === 0) {
      return;
    }
    let time = 0;
    const found: [string, number][] = [];
    for (const [source, message] of this.#newest) {
      time = Math.max(time, Date.parse(message.time) / 1000);
      for (const [path, value] of numbers(message["body"] as Json)) {
        found.push([source === "" ? path : path === "value" ? source : `${source} ${path}`, value]);
      }
    }
    this.#chart.add(time, found);
    this.#newest.clear();
  }

  #toggle(): void {
    this.#paused = !this.#paused;
    this.#pause.setAttribute("aria-pressed", String(this.#paused));
    say(this.#pause, this.#paused ? "Resume" : "Pause");
  }

  #choose(message: Entry): void {
    const { kind: _, ...shown } = message;
    this.#detail.hidden = false;
    say(this.#detail, pretty(shown));
    this.#detail.scrollIntoView({ block: "nearest" });
  }
}
