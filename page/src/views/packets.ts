/** The timeline of MQTT packets. */

import type { Context, Target, View } from "../context";
import { button, empty, field, fill, h, say, select } from "../dom";
import { brief, clock, count, pretty, span } from "../format";
import { about, isRefusal, latency, payload, purpose, requestId, type Row } from "../packets";
import { Table } from "../table";

const SHOWN = 150;

/** IoT Hub requests, which have a `$rid` in their topics. */
const REQUESTS = "Requests and answers";

const TYPES = ["All packets", REQUESTS, "PUBLISH", "Acknowledgements", "Connection", "Subscriptions"];

function isType(row: Row, type: string): boolean {
  const kind = String(row.packet["type"]);
  switch (type) {
    case REQUESTS:
      return requestId(row.packet) !== undefined;
    case "PUBLISH":
      return kind === "PUBLISH";
    case "Acknowledgements":
      return ["PUBACK", "PUBREC", "PUBREL", "PUBCOMP"].includes(kind);
    case "Connection":
      return !["PUBLISH", "PUBACK", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK"].includes(kind);
    case "Subscriptions":
      return /SUB/.test(kind);
    default:
      return true;
  }
}

/** How a packet and its partner belong together. */
function joined(row: Row): string {
  const both: string[] = [];
  if (row.request) {
    both.push(`answers #${row.request.packet.id}, ${span(latency(row.request, row))}`);
  }
  if (row.answer) {
    both.push(`answered by #${row.answer.packet.id}, ${span(latency(row, row.answer))}`);
  }
  if (both.length > 0) {
    return both.join("\n");
  }
  const waits = row.packet["type"] === "PUBLISH" && (requestId(row.packet) !== undefined || row.packet["qos"] === 1);
  return waits ? (row.isCut ? "answer not shown" : "no answer yet") : "";
}

export class Packets implements View {
  readonly element: HTMLElement;
  #table: Table<Row>;
  #detail = h("pre", { class: "detail", hidden: true, tabindex: 0, "aria-label": "The chosen packet and its partner" });
  #why = h("div", { class: "why" });
  #type: HTMLSelectElement;
  #client: HTMLInputElement;
  #pause = button("Pause", () => this.#toggle(), "", { "aria-pressed": "false" });
  #leftOut = h("span", { class: "count" });
  #none: HTMLElement;
  #paused = false;
  #drawn = "";

  constructor(
    private readonly context: Context,
    private readonly target?: Target,
    search = "",
  ) {
    const isHub = context.service.word === "hub";
    this.#type = select(TYPES.filter((type) => isHub || type !== REQUESTS));
    const placeholder = isHub ? "Client, topic or $rid" : "Client or topic";
    this.#client = h("input", { type: "search", spellcheck: "false", autocomplete: "off", placeholder, value: search });
    const columns = [
      { title: "#", text: (row: Row) => String(row.packet.id), className: "number muted" },
      { title: "Time", text: (row: Row) => clock(row.packet.time), className: "time" },
      {
        title: "",
        text: (row: Row) => (row.packet["direction"] === "to_server" ? `→ ${context.service.word}` : `← ${context.service.word}`),
        kind: (row: Row) => (row.packet["direction"] === "to_server" ? "in" : "out"),
        className: "direction",
      },
      ...(target ? [] : [{ title: "Client", text: (row: Row) => String(row.packet["client_id"] ?? ""), className: "code who" }]),
      { title: "Packet", text: (row: Row) => name(row), className: "packet", kind: (row: Row) => (isRefusal(row) ? "bad" : "") },
      { title: "About", text: (row: Row) => brief(what(row), 120), className: "code grow" },
      { title: "Joined", text: joined, className: "joint", kind: (row: Row) => (row.request || row.answer ? "joined" : "muted") },
    ];
    this.#table = new Table<Row>(columns, (row) => this.#choose(row), "Packets");
    const hint = context.records.includes("packets") ? "They appear here as soon as a client connects." : context.service.recordsPackets;
    this.#none = empty("No packets", h("p", {}, hint));
    this.#type.addEventListener("change", () => this.#again());
    this.#client.addEventListener("input", () => this.#again());
    const title = target ? h("h2", {}, "Packets") : h("h1", {}, "Packets");
    this.element = h(
      "div",
      {},
      h("div", { class: target ? "panel-head" : "title" }, title, this.#leftOut, h("span", { class: "grow" }), this.#pause),
      h("div", { class: "toolbar" }, field("Show", this.#type), field("Search", this.#client)),
      h("div", { class: "panel flush" }, this.#table.element, this.#none),
      this.#detail,
      this.#why,
    );
    this.draw();
  }

  draw(): void {
    const { store } = this.context;
    const key = `${store.version} ${this.#type.value} ${this.#client.value}`;
    if (this.#paused || key === this.#drawn) {
      return;
    }
    this.#drawn = key;
    const wanted = this.#client.value.trim().toLowerCase();
    const id = this.target && (this.target.module === undefined ? this.target.device : `${this.target.device}/${this.target.module}`);
    const rows = store.timeline.newest(SHOWN, (row) => {
      const client = String(row.packet["client_id"] ?? "");
      return (
        (id === undefined || client === id) &&
        isType(row, this.#type.value) &&
        (wanted === "" || `${client} ${about(row)}`.toLowerCase().includes(wanted))
      );
    });
    this.#table.show(rows);
    this.#table.element.hidden = rows.length === 0;
    this.#none.hidden = rows.length > 0;
    const { packetsLeftOut } = store;
    say(this.#leftOut, packetsLeftOut > 0 ? `${count(packetsLeftOut)} not shown: too many per second` : "");
  }

  #again(): void {
    this.#drawn = "";
    this.draw();
  }

  #toggle(): void {
    this.#paused = !this.#paused;
    this.#pause.setAttribute("aria-pressed", String(this.#paused));
    say(this.#pause, this.#paused ? "Resume" : "Pause");
  }

  #choose(row: Row): void {
    this.#detail.hidden = false;
    const text = [row.request, row, row.answer].filter((one) => one !== undefined).map(({ packet: { kind: _, ...shown } }) => pretty(shown));
    say(this.#detail, text.join("\n\n"));
    const why = this.context.service.why?.packet(row, this.context);
    fill(this.#why, why);
    (why === undefined ? this.#detail : this.#why).scrollIntoView({ block: "nearest" });
  }
}

function name(row: Row): string {
  const { packet } = row;
  const kind = String(packet["type"]);
  if (kind !== "PUBLISH") {
    return packet["packet_id"] === undefined ? kind : `${kind} ${String(packet["packet_id"])}`;
  }
  return `PUBLISH QoS ${String(packet["qos"])}${packet["dup"] === true ? " DUP" : ""}`;
}

function what(row: Row): string {
  const [why, content] = [purpose(row.packet), payload(row.packet)];
  const topic = about(row);
  return [why, why === "" ? topic : (requestId(row.packet) ? `$rid=${requestId(row.packet)}` : ""), content].filter((part) => part !== "").join("  ");
}
