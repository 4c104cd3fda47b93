/** The clients of a namespace: client resources, and clients that only have a session. */

import { href } from "../address";
import type { Context, View } from "../context";
import { Notice, button, empty, field, h, say } from "../dom";
import { clock, count, text } from "../format";
import { clients, isConnected, type Client } from "../management";
import { Poll } from "../poll";
import type { Entry } from "../stream";
import { VirtualList } from "../virtual";
import { NewClient } from "./new_client";

/** How many clients' last events are kept. */
const MOST_EVENTS = 10_000;

const WORDS: Record<string, string> = {
  "connection.opened": "connected",
  "connection.closed": "disconnected",
  "connection.refused": "refused",
  "publish.refused": "message refused",
  "subscribe.refused": "subscription refused",
  "client.updated": "changed",
  "client.deleted": "deleted",
  "fault.struck": "fault",
};

/** The last event of a client, in a few words. */
function told(event: Entry | undefined): string {
  if (event === undefined) {
    return "–";
  }
  const type = text(event, "type") ?? "";
  return `${WORDS[type] ?? type} at ${clock(event.time).slice(0, 8)}`;
}

export class Clients implements View {
  readonly element: HTMLElement;
  #clients: Client[] = [];
  #last = new Map<string, Entry>();
  #notice = new Notice();
  #count = h("span", { class: "count" });
  #search = h("input", { type: "search", placeholder: "Part of a name", autocomplete: "off", spellcheck: "false" });
  #list = new VirtualList<Client>(44, (client) => this.#row(client), "Clients");
  #none = empty("No clients", h("p", {}, "Create one, or change the search."));
  #poll: Poll;
  #shown = "";

  constructor(private readonly context: Context) {
    const create = new NewClient(context, () => void this.#poll.now());
    this.#search.addEventListener("input", () => this.#filter());
    const head = h(
      "div",
      { class: "list-head", "aria-hidden": "true" },
      ...["Client", "State", "Client groups", "Sessions", "Last event"].map((title) => h("span", {}, title)),
    );
    this.element = h(
      "div",
      { class: "clients" },
      h("div", { class: "title" }, h("h1", {}, "Clients"), this.#count, h("span", { class: "grow" }),
        button("New client", () => create.toggle(), "primary")),
      create.element,
      h("div", { class: "toolbar" }, field("Search", this.#search)),
      this.#notice.element,
      h("div", { class: "panel flush" }, head, this.#list.element, this.#none),
    );
    for (const event of context.store.events.newest(Infinity).reverse()) {
      this.#note(event);
    }
    context.store.onEvent = (event) => {
      this.#note(event);
      this.#poll.soon();
    };
    this.#poll = new Poll(() => this.#load());
  }

  leave(): void {
    this.context.store.onEvent = undefined;
    this.#poll.stop();
  }

  async #load(): Promise<void> {
    try {
      this.#clients = await clients(this.context.api);
      this.#notice.clear();
    } catch (error) {
      this.#notice.bad(error);
    }
    this.#filter();
  }

  #note(event: Entry): void {
    const name = text(event, "client");
    if (name === undefined) {
      return;
    }
    this.#last.delete(name);
    this.#last.set(name, event);
    if (this.#last.size > MOST_EVENTS) {
      const [oldest] = this.#last.keys();
      this.#last.delete(oldest as string);
    }
  }

  #filter(): void {
    const wanted = this.#search.value.trim().toLowerCase();
    const shown = this.#clients.filter(({ name, resource }) => `${name}\n${resource ?? ""}`.toLowerCase().includes(wanted));
    const all = count(this.#clients.length);
    say(this.#count, shown.length === this.#clients.length ? all : `${count(shown.length)} of ${all}`);
    this.#none.hidden = shown.length > 0;
    this.#list.element.hidden = shown.length === 0;
    const key = JSON.stringify(shown.map((client) => [client, this.#last.get(client.name)?.id]));
    if (key !== this.#shown) {
      this.#shown = key;
      this.#list.show(shown);
    }
  }

  #row(client: Client): HTMLElement {
    const on = isConnected(client);
    const { name, resource } = client;
    const alias = resource === name ? null : h("small", {}, ` ${resource ?? "no resource"}`);
    const state = client.enabled ? (on ? "Connected" : "Disconnected") : "Disabled";
    const event = this.#last.get(name);
    return h(
      "div",
      { class: "list-row" },
      h("a", { href: href("clients", name), title: name }, name, alias),
      h("span", { class: client.enabled ? `dot${on ? " on" : ""}` : "warn" }, state),
      h("span", { class: "cut", title: client.groups.join(", ") }, client.groups.join(", ")),
      h("span", { class: "muted" }, String(client.sessions.length)),
      h("span", { class: "muted cut", title: event?.time }, told(event)),
    );
  }
}
