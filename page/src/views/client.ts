/** One client of a namespace: who it is, what it may do, its sessions, and what happened to it. */

import { href } from "../address";
import { readAttributes } from "../attributes";
import type { Context, View } from "../context";
import { Notice, button, empty, field, fill, h, panel, say, sureButton, topicChip } from "../dom";
import { clock, isObject, pretty, text } from "../format";
import { Management, binding, clientOf, isConnected, texts, type Binding, type Client, type MqttSession, type Resource } from "../management";
import { Poll } from "../poll";
import type { Entry } from "../stream";
import { Table } from "../table";

const EVENTS = 12;

export class ClientView implements View {
  readonly element: HTMLElement;
  #management: Management;
  #notice = new Notice();
  #state = h("span", { class: "dot" });
  #actions = h("div", { class: "actions" });
  #facts = h("div");
  #rights = h("div");
  #sessions = h("div");
  #attributes = h("textarea", { rows: 3, class: "code", spellcheck: "false" });
  #save: HTMLElement;
  #events = new Table<Entry>(
    [
      { title: "Time", text: (event) => clock(event.time), className: "time" },
      { title: "Event", text: (event) => text(event, "type") ?? "" },
      { title: "What", text: (event) => text(event, "reason") ?? text(event, "session") ?? "", className: "grow" },
    ],
    undefined,
    "Events of the client",
  );
  #noEvents = empty("No events since the page was opened");
  #resource: Resource | undefined;
  #poll: Poll;
  #shown = "";
  /** Whether the attributes differ from those that were read. */
  #isEdited = false;
  #version = -1;

  constructor(
    private readonly context: Context,
    private readonly name: string,
  ) {
    this.#management = new Management(context.api);
    this.#save = h("form", { onsubmit: (event: Event) => (event.preventDefault(), void this.#saveAttributes()), hidden: true },
      field("Attributes", this.#attributes, "A JSON object of strings, integers, and lists of strings"),
      h("div", { class: "row" }, h("button", { type: "submit" }, "Save attributes")));
    this.element = h(
      "div",
      {},
      h("nav", { class: "crumbs", "aria-label": "Where you are" }, h("a", { href: "#/clients" }, "Clients")),
      h("div", { class: "title" }, h("h1", {}, name), this.#state, h("span", { class: "grow" }), this.#actions),
      this.#notice.element,
      panel("What it may do", this.#rights),
      panel("Sessions", this.#sessions),
      panel("Client", this.#facts, this.#save),
      h("section", { class: "panel" }, h("div", { class: "panel-head" }, h("h2", {}, "Last events"),
        h("a", { href: href("events", name) }, "All events")), this.#events.element, this.#noEvents),
    );
    this.#attributes.addEventListener("input", () => (this.#isEdited = true));
    context.store.onEvent = (event) => event["client"] === name && this.#poll.soon();
    this.#poll = new Poll(() => this.#load());
  }

  leave(): void {
    this.context.store.onEvent = undefined;
    this.#poll.stop();
  }

  draw(): void {
    const { store } = this.context;
    if (this.#version !== store.version) {
      this.#version = store.version;
      const rows = store.events.newest(EVENTS, (event) => event["client"] === this.name);
      this.#events.show(rows);
      this.#events.element.hidden = rows.length === 0;
      this.#noEvents.hidden = rows.length > 0;
    }
  }

  async #load(): Promise<void> {
    try {
      const found = await clientOf(this.context.api, this.name);
      const [bindings, spaces] = await Promise.all([
        this.#management.list("permissionBindings"),
        this.#management.list("topicSpaces"),
      ]);
      this.#resource = found?.resource === undefined ? undefined : await this.#management.get("clients", found.resource);
      const key = JSON.stringify([found, bindings, spaces, this.#resource]);
      if (key !== this.#shown) {
        this.#shown = key;
        this.#show(found, bindings.map(binding), spaces);
      }
    } catch (error) {
      this.#notice.bad(error);
    }
  }

  #show(client: Client | undefined, bindings: Binding[], spaces: Resource[]): void {
    const on = client !== undefined && isConnected(client);
    this.#state.className = client?.enabled === false ? "warn" : on ? "dot on" : "dot";
    say(this.#state, client === undefined ? "Neither a resource nor connected" : client.enabled ? (on ? "Connected" : "Disconnected") : "Disabled");
    fill(
      this.#actions,
      h("a", { class: "button primary", href: href("permissions", this.name) }, "Check a permission"),
      client?.resource !== undefined && button(client.enabled ? "Disable" : "Enable", () => void this.#enable(!client.enabled)),
      client?.resource !== undefined && sureButton("Delete client", () => void this.#delete(client.resource ?? "")),
    );
    const mine = bindings.filter(({ group }) => client?.groups.includes(group));
    const lists = [rights("May publish to", "Publisher", mine, spaces), rights("May subscribe to", "Subscriber", mine, spaces)];
    fill(this.#rights, groups(client), ...(client?.groups.length === 0 ? [] : lists));
    const sessions = client?.sessions ?? [];
    fill(this.#sessions, ...(sessions.length === 0 ? [h("p", { class: "muted" }, "No sessions. The client gets one when it connects.")] : sessions.map(session)),
      h("p", {}, h("a", { href: href("messages", "#", this.name) }, "Messages from this client")));
    this.#showResource();
  }

  #showResource(): void {
    const properties = this.#resource?.properties ?? {};
    const rule = isObject(properties["clientCertificateAuthentication"]) ? properties["clientCertificateAuthentication"] : {};
    const facts: [string, string][] = this.#resource
      ? [
          ["Resource", this.#resource.name],
          ["Certificate", [text(rule, "validationScheme") ?? "", ...texts(rule["allowedThumbprints"])].join(" ")],
          ["Description", text(properties, "description") ?? ""],
        ]
      : [["Resource", "No resource: it authenticates with a token, a webhook, or a certificate of its own"]];
    const shown = facts.filter(([, value]) => value !== "");
    fill(this.#facts, h("dl", { class: "facts" }, ...shown.map(([title, value]) => h("div", { class: "fact" }, h("dt", {}, title), h("dd", {}, value)))));
    this.#save.hidden = this.#resource === undefined;
    if (!this.#isEdited) {
      this.#attributes.value = pretty(properties["attributes"] ?? {});
      this.#attributes.rows = Math.min(12, this.#attributes.value.split("\n").length);
    }
  }

  async #change(properties: Resource["properties"], told: string): Promise<void> {
    if (this.#resource === undefined) {
      return;
    }
    try {
      await this.#management.put("clients", this.#resource.name, { ...this.#resource.properties, ...properties });
      this.#isEdited &&= !("attributes" in properties);
      this.#notice.good(told);
    } catch (error) {
      this.#notice.bad(error);
    }
    await this.#poll.now();
  }

  async #enable(enabled: boolean): Promise<void> {
    await this.#change({ state: enabled ? "Enabled" : "Disabled" }, enabled ? "Enabled." : "Disabled. Its connections are closed.");
  }

  async #saveAttributes(): Promise<void> {
    try {
      await this.#change({ attributes: readAttributes(this.#attributes.value) }, "Saved.");
    } catch (error) {
      this.#notice.bad(error);
    }
  }

  async #delete(resource: string): Promise<void> {
    try {
      await this.#management.remove("clients", resource);
      location.hash = href("clients");
    } catch (error) {
      this.#notice.bad(error);
    }
  }
}

function groups(client: Client | undefined): HTMLElement {
  const names = client?.groups ?? [];
  if (client && names.length === 0) {
    return h("p", { class: "muted" }, "It belongs to no client group: Entra ID roles determine what it may do. Check a permission to see which role allows it.");
  }
  return h("p", {}, "Client groups: ", ...names.flatMap((name, at) => [at > 0 && ", ", h("a", { href: "#/groups" }, name)]));
}

function rights(title: string, permission: string, bindings: Binding[], spaces: Resource[]): HTMLElement {
  const mine = bindings.filter((each) => each.permission === permission);
  const templates = (space: string): string[] => texts(spaces.find(({ name }) => name === space)?.properties["topicTemplates"]);
  const rows = mine.map(({ name, space }) =>
    h("li", {}, ...templates(space).flatMap((template) => [topicChip(template), " "]),
      h("small", {}, `${space}, by ${name}`)));
  return h("div", { class: "rights" }, h("h3", {}, title), rows.length === 0 ? h("p", { class: "muted" }, "Nothing") : h("ul", {}, ...rows));
}

function session(found: MqttSession): HTMLElement {
  const protocol = found.protocol === "" ? "" : `MQTT ${found.protocol}`;
  const queued = found.queued ? `${found.queued} queued` : "";
  return h(
    "div",
    { class: "session" },
    h("div", { class: "row" }, h("strong", {}, found.session),
      h("span", { class: found.connected ? "dot on" : "dot" }, found.connected ? "Connected" : "Disconnected"),
      h("span", { class: "muted" }, [protocol, queued].filter((part) => part !== "").join(", ")),
      h("a", { href: href("packets", found.session) }, "Packets")),
    h("p", {}, found.subscriptions.length === 0 ? h("span", { class: "muted" }, "No subscriptions") : "Subscribed to ",
      ...found.subscriptions.flatMap((filter) => [topicChip(filter), " "])),
  );
}
