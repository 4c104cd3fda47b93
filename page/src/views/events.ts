/** What happens in the service, and what it refused: why, and what to do. */

import type { Context, Target, View } from "../context";
import { empty, field, fill, h, say, select } from "../dom";
import { brief, clock, pretty, text } from "../format";
import { codeName } from "../reason_codes";
import type { Entry } from "../stream";
import { Table } from "../table";

const SHOWN = 150;

/** What each event has besides this is told in one line. */
const COMMON = ["kind", "id", "time", "type", "device_id", "module_id", "client", "reason", "advice"];

function told(event: Entry): string {
  const rest = Object.entries(event).filter(([name, value]) => !COMMON.includes(name) && value !== null);
  const facts = rest.map(([name, value]) => `${name.replaceAll("_", " ")} ${name === "reason_code" ? codeName(value, "CONNACK") : typeof value === "object" ? JSON.stringify(value) : String(value)}`);
  return [text(event, "reason") ?? "", facts.join(", ")].filter((part) => part !== "").join(" · ");
}

function tone(event: Entry): string {
  const type = text(event, "type") ?? "";
  return type.endsWith(".refused") || type === "method.failed" || type === "throttled" || type === "fault.struck" ? "state different" : "state neutral";
}

export class Events implements View {
  readonly element: HTMLElement;
  #table: Table<Entry>;
  #family: HTMLSelectElement;
  #search = h("input", { type: "search", spellcheck: "false", autocomplete: "off" });
  #detail = h("pre", { class: "detail", hidden: true, tabindex: 0, "aria-label": "The chosen event" });
  #why = h("div", { class: "why" });
  #none = empty("Nothing yet");
  #drawn = "";

  constructor(
    private readonly context: Context,
    private readonly target?: Target,
    family = "All events",
    search = "",
  ) {
    const { families, who } = context.service;
    this.#family = select(Object.keys(families));
    this.#family.value = family;
    this.#family.addEventListener("change", () => this.draw());
    this.#search.value = search;
    this.#search.addEventListener("input", () => this.draw());
    this.#table = new Table<Entry>(
      [
        { title: "Time", text: (event) => clock(event.time), className: "time" },
        { title: "Event", text: (event) => text(event, "type") ?? "", kind: tone },
        ...(target ? [] : [{ title: who.title, text: who.of, className: "code who" }]),
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
      h("div", { class: "toolbar" }, field("Show", this.#family), target ? null : field("Search", this.#search)),
      h("div", { class: "panel flush" }, this.#table.element, this.#none),
      this.#detail,
      this.#why,
    );
    this.draw();
  }

  draw(): void {
    const key = `${this.context.store.version} ${this.#family.value} ${this.#search.value}`;
    if (key === this.#drawn) {
      return;
    }
    this.#drawn = key;
    const { families, who } = this.context.service;
    const wanted = families[this.#family.value] ?? (() => true);
    const part = this.#search.value.trim().toLowerCase();
    const rows = this.context.store.events.newest(SHOWN, (event) => {
      const mine = !this.target || (event["device_id"] === this.target.device && (event["module_id"] ?? undefined) === this.target.module);
      return mine && wanted(text(event, "type") ?? "") && (part === "" || `${who.of(event)} ${told(event)}`.toLowerCase().includes(part));
    });
    this.#table.show(rows);
    this.#table.element.hidden = rows.length === 0;
    this.#none.hidden = rows.length > 0;
  }

  #choose(event: Entry): void {
    const { kind: _, ...shown } = event;
    this.#detail.hidden = false;
    say(this.#detail, pretty(shown));
    const why = this.context.service.why?.event(event);
    fill(this.#why, why);
    (why === undefined ? this.#detail : this.#why).scrollIntoView({ block: "nearest" });
  }
}
