/** The devices of the hub: a list of any length, found by id or by a query. */

import { href } from "../address";
import { part } from "../api";
import type { Context, View } from "../context";
import { Notice, button, copyButton, empty, field, fill, h, say, select, textInput } from "../dom";
import { ago, count, text, type JsonObject } from "../format";
import { VirtualList } from "../virtual";

interface Row {
  id: string;
  status: string;
  state: string;
  activity: string;
}

const SELECT = "SELECT deviceId, status, connectionState, lastActivityTime FROM devices";

/** Rows of one answer, and how many are asked for in all. */
const PAGE = 1000;
const MOST = 100_000;

function row(found: JsonObject): Row {
  return {
    id: text(found, "deviceId") ?? "",
    status: text(found, "status") ?? "",
    state: text(found, "connectionState") ?? "",
    activity: text(found, "lastActivityTime") ?? "",
  };
}

export class Devices implements View {
  readonly element: HTMLElement;
  #rows: Row[] = [];
  #byId = new Map<string, Row>();
  #notice = new Notice();
  #count = h("span", { class: "count" });
  #search = h("input", { type: "search", placeholder: "Part of an id", autocomplete: "off", spellcheck: false });
  #where = h("input", {
    type: "text",
    placeholder: "tags.site = 'attic' AND connectionState = 'Connected'",
    autocomplete: "off",
    spellcheck: "false",
  });
  #list = new VirtualList<Row>(44, (device) => this.#show(device), "Devices");
  #none = empty("No devices", h("p", {}, "Create one, or change the search."));
  #reload: ReturnType<typeof setTimeout> | undefined;
  #loading = 0;

  constructor(private readonly context: Context) {
    const create = new CreateDevice(context, () => void this.load());
    this.#search.addEventListener("input", () => this.#filter());
    const query = h("form", { class: "query", onsubmit: (event: Event) => (event.preventDefault(), void this.load()) });
    query.append(field("Query", this.#where, "The condition of SELECT … FROM devices WHERE; Enter runs it"));
    const head = h(
      "div",
      { class: "list-head", "aria-hidden": "true" },
      ...["Device", "State", "Status", "Last activity"].map((title) => h("span", {}, title)),
    );
    this.element = h(
      "div",
      {},
      h("div", { class: "title" }, h("h1", {}, "Devices"), this.#count, h("span", { class: "grow" }),
        button("Refresh", () => void this.load()), button("New device", () => create.toggle(), "primary")),
      create.element,
      h("div", { class: "toolbar" }, field("Search", this.#search), query),
      this.#notice.element,
      h("div", { class: "panel flush" }, head, this.#list.element, this.#none),
    );
    context.store.onEvent = (event) => this.#event(text(event, "type") ?? "", text(event, "device_id") ?? "", event.time);
    void this.load();
  }

  leave(): void {
    this.context.store.onEvent = undefined;
    clearTimeout(this.#reload);
  }

  /** Asks for all devices that the query selects, page by page. */
  async load(): Promise<void> {
    const run = ++this.#loading;
    const where = this.#where.value.trim();
    const query = where === "" ? SELECT : `${SELECT} WHERE ${where}`;
    let rows: Row[] = [];
    try {
      let continuation = "";
      // The next page is asked for while this one is read.
      const pages: Promise<JsonObject[]>[] = [];
      do {
        const [page, next] = await this.context.api.query(query, PAGE, continuation);
        pages.push(page);
        continuation = next;
      } while (continuation !== "" && pages.length * PAGE < MOST && run === this.#loading);
      rows = (await Promise.all(pages)).flat().map(row);
      if (run !== this.#loading) {
        return;
      }
      this.#notice.clear();
    } catch (error) {
      this.#notice.bad(error);
    }
    rows.sort((one, two) => (one.id < two.id ? -1 : 1));
    this.#rows = rows;
    this.#byId = new Map(rows.map((device) => [device.id, device]));
    this.#filter();
  }

  #filter(): void {
    const wanted = this.#search.value.trim().toLowerCase();
    const shown = wanted === "" ? this.#rows : this.#rows.filter(({ id }) => id.toLowerCase().includes(wanted));
    const all = count(this.#rows.length);
    say(this.#count, shown.length === this.#rows.length ? all : `${count(shown.length)} of ${all}`);
    this.#none.hidden = shown.length > 0;
    this.#list.element.hidden = shown.length === 0;
    this.#list.show(shown);
  }

  #show(device: Row): HTMLElement {
    const connected = device.state === "Connected";
    return h(
      "div",
      { class: "list-row" },
      h("a", { href: href("devices", device.id), title: device.id }, device.id),
      h("span", { class: connected ? "dot on" : "dot" }, connected ? "Connected" : "Disconnected"),
      h("span", { class: device.status === "enabled" ? "" : "warn" }, device.status),
      h("span", { class: "muted", title: device.activity }, ago(device.activity)),
    );
  }

  /** What happens to devices changes the list: connections at once, the rest a moment later, together. */
  #event(type: string, id: string, time: string): void {
    const known = this.#byId.get(id);
    if (known && type.startsWith("connection.") && type !== "connection.refused") {
      known.state = type === "connection.opened" ? "Connected" : "Disconnected";
      known.activity = time;
    } else if (!type.startsWith("device.")) {
      return;
    }
    const isNew = type.startsWith("device.");
    this.#reload ??= setTimeout(() => {
      this.#reload = undefined;
      if (isNew) {
        void this.load();
      } else {
        this.#filter();
      }
    }, 500);
  }
}

/** The form for a new device. */
class CreateDevice {
  readonly element = h("form", { class: "panel create", hidden: true });
  #id = textInput({ required: true, maxlength: 128 });
  #kind = select(["Symmetric key", "Certificate, self-signed", "Certificate of an authority"]);
  #thumbprint = textInput({ placeholder: "40 or 64 hex digits" });
  #notice = new Notice();
  #result = h("div");

  constructor(
    private readonly context: Context,
    private readonly created: () => void,
  ) {
    const thumbprint = field("Thumbprint", this.#thumbprint);
    thumbprint.hidden = true;
    this.#kind.addEventListener("change", () => (thumbprint.hidden = this.#kind.selectedIndex !== 1));
    this.element.append(
      h("h2", {}, "New device"),
      h("div", { class: "row" }, field("Device id", this.#id), field("Authentication", this.#kind), thumbprint,
        h("button", { type: "submit", class: "primary" }, "Create"), button("Close", () => this.toggle())),
      this.#notice.element,
      this.#result,
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
  }

  toggle(): void {
    this.element.hidden = !this.element.hidden;
    if (!this.element.hidden) {
      this.#id.focus();
    }
  }

  async #send(): Promise<void> {
    const id = this.#id.value.trim();
    const type = ["sas", "selfSigned", "certificateAuthority"][this.#kind.selectedIndex] as string;
    const thumbprint = this.#thumbprint.value.trim();
    const authentication: JsonObject = { type };
    if (type === "selfSigned") {
      authentication["x509Thumbprint"] = { primaryThumbprint: thumbprint, secondaryThumbprint: thumbprint };
    }
    fill(this.#result);
    try {
      await this.context.api.send("PUT", `/devices/${part(id)}`, { body: { deviceId: id, authentication } });
      this.#notice.good(`${id} is created.`);
      this.#id.value = "";
      fill(this.#result, h("a", { href: href("devices", id) }, `Open ${id}`), " ", copyButton(() => id, "the id"));
      this.created();
    } catch (error) {
      this.#notice.bad(error);
    }
  }
}
