/** Messages of a device as they come, with a chart of their numbers. */

import { Chart } from "../chart";
import type { Context, Target, View } from "../context";
import { button, empty, h, say } from "../dom";
import { brief, clock, count, isObject, pretty, type Json } from "../format";
import { isOf, numbers } from "../store";
import type { Entry } from "../stream";
import { Table } from "../table";
import { Simulate } from "./simulate";

const SHOWN = 25;

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

export class Telemetry implements View {
  readonly element: HTMLElement;
  #chart = new Chart(h("div"));
  #table: Table<Entry>;
  #detail = h("pre", { class: "detail", hidden: true, tabindex: 0, "aria-label": "The chosen message" });
  #rate = h("span", { class: "count" });
  #pause = button("Pause", () => this.#toggle(), "", { "aria-pressed": "false" });
  #none = empty("No messages yet", h("p", {}, "They appear here as soon as the device sends them."));
  #chartPanel: HTMLElement;
  #simulate: Simulate;
  #paused = false;
  #seen = 0;
  #tenth = "";
  #newest: Entry | undefined;
  #version = -1;

  constructor(
    private readonly context: Context,
    private readonly target: Target,
  ) {
    const columns = [
      { title: "Time", text: (message: Entry) => clock(message.time), className: "time" },
      { title: "Body", text: (message: Entry) => brief(body(message)), className: "code grow" },
      { title: "Properties", text: (message: Entry) => brief(pairs(message["properties"]), 80), className: "muted" },
    ];
    this.#table = new Table<Entry>(columns, (message) => this.#choose(message), "Messages");
    this.#table.element.classList.add("even");
    this.#chartPanel = h("section", { class: "panel", hidden: true }, h("h2", {}, "Numbers"), this.#chart.element);
    this.#simulate = new Simulate(context, target);
    const head = h("div", { class: "panel-head" }, h("h2", {}, "Messages"), this.#rate, h("span", { class: "grow" }),
      this.#pause, this.#simulate.toggle);
    this.element = h(
      "div",
      {},
      this.#simulate.element,
      this.#chartPanel,
      h("section", { class: "panel" }, head, this.#table.element, this.#none, this.#detail),
    );
    for (const message of this.#mine(2000).reverse()) {
      this.#take(message);
    }
    context.store.onTelemetry = (message) => {
      if (isOf(message, target.device, target.module)) {
        this.#take(message);
      }
    };
  }

  leave(): void {
    this.context.store.onTelemetry = undefined;
    this.#simulate.stop();
    this.#chart.recolour();
  }

  recolour(): void {
    this.#chart.recolour();
  }

  draw(): void {
    this.#point();
    this.#chartPanel.hidden = this.#chart.isEmpty;
    if (this.#paused) {
      return;
    }
    this.#chart.draw();
    if (this.#version === this.#seen) {
      return;
    }
    this.#version = this.#seen;
    const shown = this.#mine(SHOWN);
    this.#table.show(shown);
    this.#table.element.hidden = shown.length === 0;
    this.#none.hidden = shown.length > 0;
    say(this.#rate, `${count(this.#seen)} received`);
  }

  #mine(most: number): Entry[] {
    return this.context.store.telemetry.newest(most, (message) => isOf(message, this.target.device, this.target.module));
  }

  #take(message: Entry): void {
    this.#seen += 1;
    // Messages of the same tenth of a second share a point of the chart: the newest counts.
    const tenth = message.time.slice(0, 21);
    if (tenth !== this.#tenth) {
      this.#point();
      this.#tenth = tenth;
    }
    this.#newest = message;
  }

  #point(): void {
    if (this.#newest) {
      this.#chart.add(Date.parse(this.#newest.time) / 1000, numbers(this.#newest["body"] as Json));
      this.#newest = undefined;
    }
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
