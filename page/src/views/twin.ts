/** A twin: desired beside reported, and an editor for what a service may change. */

import type { Context, Target, View } from "../context";
import { Notice, button, copyButton, fill, h, panel, say } from "../dom";
import { isObject, pretty, text, type Json, type JsonObject } from "../format";
import { compare, problems, type Difference } from "../twin_rules";
import { Table } from "../table";
import { pathOf } from "./target";

type Section = "desired" | "tags";

const STATES: Record<Difference["state"], string> = {
  same: "same",
  different: "differs",
  "not reported": "not reported",
  "only reported": "only reported",
};

export class Twin implements View {
  readonly element: HTMLElement;
  #table: Table<Difference>;
  #none = h("p", { class: "muted" }, "Neither desired nor reported properties are set.");
  #notice = new Notice();
  #desired = h("pre", { class: "json", tabindex: 0, "aria-label": "Desired properties" });
  #reported = h("pre", { class: "json", tabindex: 0, "aria-label": "Reported properties" });
  #tags = h("pre", { class: "json", tabindex: 0, "aria-label": "Tags" });
  #versions = h("span", { class: "count" });
  #editor: Editor;
  #twin: JsonObject = {};
  #reload: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly context: Context,
    private readonly target: Target,
  ) {
    this.#table = new Table<Difference>(
      [
        { title: "Property", text: (at) => at.path, className: "code" },
        { title: "Desired", text: (at) => at.desired, className: "code" },
        { title: "Reported", text: (at) => at.reported, className: "code" },
        { title: "", text: (at) => STATES[at.state], kind: (at) => `state ${at.state.replace(" ", "-")}` },
      ],
      undefined,
      "Desired and reported properties",
    );
    this.#editor = new Editor(context, target, (twin) => this.#show(twin));
    const head = h("div", { class: "panel-head" }, h("h2", {}, "Desired and reported"), this.#versions,
      h("span", { class: "grow" }), button("Refresh", () => void this.load()));
    this.element = h(
      "div",
      {},
      this.#notice.element,
      h("section", { class: "panel" }, head, this.#table.element, this.#none),
      this.#editor.element,
      h("div", { class: "columns" },
        panel("Desired", this.#copy("desired"), this.#desired),
        panel("Reported", this.#copy("reported"), this.#reported),
        panel("Tags", this.#copy("tags"), this.#tags)),
    );
    context.store.onEvent = (event) => {
      const changed = text(event, "type")?.startsWith("twin.") && text(event, "device_id") === target.device;
      if (changed && text(event, "module_id") === target.module) {
        this.#reload ??= setTimeout(() => {
          this.#reload = undefined;
          void this.load();
        }, 250);
      }
    };
    void this.load();
  }

  leave(): void {
    this.context.store.onEvent = undefined;
    clearTimeout(this.#reload);
  }

  async load(): Promise<void> {
    try {
      const twin = await this.context.api.get(pathOf("twins", this.target));
      this.#notice.clear();
      this.#show(isObject(twin) ? twin : {});
    } catch (error) {
      this.#notice.bad(error);
    }
  }

  #part(name: "desired" | "reported" | "tags"): Json {
    const properties = isObject(this.#twin["properties"]) ? this.#twin["properties"] : {};
    return (name === "tags" ? this.#twin["tags"] : properties[name]) ?? {};
  }

  #show(twin: JsonObject): void {
    this.#twin = twin;
    const [desired, reported] = [this.#part("desired"), this.#part("reported")];
    const rows = compare(desired, reported);
    this.#table.show(rows);
    this.#table.element.hidden = rows.length === 0;
    this.#none.hidden = rows.length > 0;
    const version = (part: Json): string => (isObject(part) ? String(part["$version"] ?? "–") : "–");
    say(this.#versions, `desired version ${version(desired)}, reported version ${version(reported)}`);
    say(this.#desired, pretty(bare(desired)));
    say(this.#reported, pretty(bare(reported)));
    say(this.#tags, pretty(bare(this.#part("tags"))));
  }

  #copy(name: "desired" | "reported" | "tags"): HTMLElement {
    return h("div", { class: "corner" }, copyButton(() => pretty(bare(this.#part(name))), name));
  }
}

/** Without the service's own members. */
function bare(section: Json): Json {
  if (!isObject(section)) {
    return section;
  }
  return Object.fromEntries(Object.entries(section).filter(([name]) => !name.startsWith("$")));
}

/** A merge patch, checked while it is written as the service checks it. */
class Editor {
  readonly element: HTMLElement;
  #text = h("textarea", { rows: 6, spellcheck: "false", "aria-label": "Patch", class: "code" });
  #problems = h("ul", { class: "problems", "aria-live": "polite" });
  #notice = new Notice();
  #section: Section = "desired";
  #send = h("button", { type: "submit", class: "primary" }, "Update");

  constructor(
    private readonly context: Context,
    private readonly target: Target,
    private readonly updated: (twin: JsonObject) => void,
  ) {
    this.#text.value = '{\n  "interval": 5\n}';
    this.#text.addEventListener("input", () => this.#check());
    const choice = (section: Section, label: string): HTMLElement => {
      const radio = h("input", { type: "radio", name: "section", checked: section === this.#section });
      radio.addEventListener("change", () => {
        this.#section = section;
        this.#check();
      });
      return h("label", { class: "choice" }, radio, label);
    };
    const form = h("form", {
      onsubmit: (event: Event) => {
        event.preventDefault();
        void this.#update();
      },
    });
    form.append(
      h("div", { class: "row" }, choice("desired", "Desired properties"), choice("tags", "Tags")),
      this.#text,
      this.#problems,
      this.#notice.element,
      h("div", { class: "row" }, this.#send, h("small", {}, "A merge patch: a member that is null is removed.")),
    );
    this.element = panel("Change", form);
  }

  #check(): Json | undefined {
    let patch: Json;
    let found: string[];
    try {
      patch = JSON.parse(this.#text.value) as Json;
      found = problems(this.#section, patch);
    } catch (error) {
      patch = null;
      found = [`Not JSON: ${error instanceof Error ? error.message : String(error)}`];
    }
    fill(this.#problems, ...found.slice(0, 8).map((problem) => h("li", {}, problem)));
    this.#send.disabled = found.length > 0;
    this.#text.setAttribute("aria-invalid", String(found.length > 0));
    return found.length > 0 ? undefined : patch;
  }

  async #update(): Promise<void> {
    const patch = this.#check();
    if (patch === undefined) {
      return;
    }
    const body: Json = this.#section === "tags" ? { tags: patch } : { properties: { desired: patch } };
    try {
      const answer = await this.context.api.send("PATCH", pathOf("twins", this.target), { body });
      this.#notice.good("Updated.");
      if (isObject(answer.body)) {
        this.updated(answer.body);
      }
    } catch (error) {
      this.#notice.bad(error);
    }
  }
}
