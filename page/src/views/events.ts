/** What happens in the hub, and what it refused: why, and what to do. */

import type { Context, Target, View } from "../context";
import { empty, field, h, say, select } from "../dom";
import { brief, clock, pretty, text } from "../format";
import type { Entry } from "../stream";
import { Table } from "../table";

const SHOWN = 150;

const FAMILIES: Record<string, (type: string) => boolean> = {
  "All events": () => true,
  Refusals: (type) => type.endsWith(".refused") || type === "method.failed" || type === "throttled",
  Connections: (type) => type.startsWith("connection."),
  Twins: (type) => type.startsWith("twin."),
  Methods: (type) => type.startsWith("method."),
  "Cloud-to-device": (type) => type.startsWith("c2d."),
  Devices: (type) => type.startsWith("device."),
  Uploads: (type) => type.startsWith("upload."),
  Faults: (type) => type === "fault.struck" || type === "throttled",
};

/** What each event has besides this is told in one line. */
const COMMON = ["kind", "id", "time", "type", "device_id", "module_id", "reason", "advice"];

function told(event: Entry): string {
  const rest = Object.entries(event).filter(([name, value]) => !COMMON.includes(name) && value !== null);
  const facts = rest.map(([name, value]) => `${name.replaceAll("_", " ")} ${typeof value === "object" ? JSON.stringify(value) : String(value)}`);
  return [text(event, "reason") ?? "", facts.join(", ")].filter((part) => part !== "").join(" · ");
}

function tone(event: Entry): string {
  const type = text(event, "type") ?? "";
  return FAMILIES["Refusals"]?.(type) || type === "fault.struck" ? "state different" : "state neutral";
}

export class Events implements View {
  readonly element: HTMLElement;
  #table: Table<Entry>;
  #family: HTMLSelectElement;
  #detail = h("pre", { class: "detail", hidden: true, tabindex: 0, "aria-label": "The chosen event" });
  #none = empty("Nothing yet");
  #drawn = "";

  constructor(
    private readonly context: Context,
    private readonly target?: Target,
    family = "All events",
  ) {
    this.#family = select(Object.keys(FAMILIES));
    this.#family.value = family;
    this.#family.addEventListener("change", () => this.draw());
    this.#table = new Table<Entry>(
      [
        { title: "Time", text: (event) => clock(event.time), className: "time" },
        { title: "Event", text: (event) => text(event, "type") ?? "", kind: tone },
        ...(target ? [] : [{ title: "Device", text: whom, className: "code who" }]),
        { title: "What", text: (event) => brief(told(event), 200), className: "grow" },
        { title: "What to do", text: (event) => text(event, "advice") ?? "", className: "advice" },
      ],
      (event) => this.#choose(event),
      "Events",
    );
    const title = target ? h("h2", {}, "Events") : h("h1", {}, family === "Refusals" ? "Refusals" : "Events");
    this.element = h(
      "div",
      {},
      h("div", { class: target ? "panel-head" : "title" }, title),
      h("div", { class: "toolbar" }, field("Show", this.#family)),
      h("div", { class: "panel flush" }, this.#table.element, this.#none),
      this.#detail,
    );
    this.draw();
  }

  draw(): void {
    const key = `${this.context.store.version} ${this.#family.value}`;
    if (key === this.#drawn) {
      return;
    }
    this.#drawn = key;
    const wanted = FAMILIES[this.#family.value] ?? (() => true);
    const rows = this.context.store.events.newest(SHOWN, (event) => {
      const mine = !this.target || (event["device_id"] === this.target.device && (event["module_id"] ?? undefined) === this.target.module);
      return mine && wanted(text(event, "type") ?? "");
    });
    this.#table.show(rows);
    this.#table.element.hidden = rows.length === 0;
    this.#none.hidden = rows.length > 0;
  }

  #choose(event: Entry): void {
    const { kind: _, ...shown } = event;
    this.#detail.hidden = false;
    say(this.#detail, pretty(shown));
    this.#detail.scrollIntoView({ block: "nearest" });
  }
}

function whom(event: Entry): string {
  const module = text(event, "module_id");
  return `${text(event, "device_id") ?? text(event, "remote") ?? ""}${module === undefined ? "" : `/${module}`}`;
}
