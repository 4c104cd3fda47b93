/** The modules of a device. */

import { part } from "../api";
import type { Context, Target, View } from "../context";
import { Notice, empty, field, fill, h, panel, textInput } from "../dom";
import { ago, isObject, text, type JsonObject } from "../format";
import { linkTo } from "./target";

export class Modules implements View {
  readonly element: HTMLElement;
  #list = h("div", { class: "plain-list" });
  #notice = new Notice();
  #id = textInput({ required: true, maxlength: 128 });

  constructor(
    private readonly context: Context,
    private readonly target: Target,
  ) {
    const form = h("form", {
      onsubmit: (event: Event) => {
        event.preventDefault();
        void this.#create();
      },
    });
    form.append(h("div", { class: "row" }, field("Module id", this.#id), h("button", { type: "submit", class: "primary" }, "Create")));
    this.element = h("div", {}, panel("Modules", this.#list), panel("New module", form, this.#notice.element));
    void this.#load();
  }

  get #path(): string {
    return `/devices/${part(this.target.device)}/modules`;
  }

  async #load(): Promise<void> {
    try {
      const found = await this.context.api.get(this.#path);
      const modules = Array.isArray(found) ? found.filter(isObject) : [];
      fill(this.#list, ...(modules.length === 0 ? [empty("No modules")] : modules.map((module) => this.#row(module))));
    } catch (error) {
      this.#notice.bad(error);
    }
  }

  #row(module: JsonObject): HTMLElement {
    const id = text(module, "moduleId") ?? "";
    const connected = text(module, "connectionState") === "Connected";
    return h(
      "div",
      { class: "list-row static" },
      h("a", { href: linkTo({ device: this.target.device, module: id }) }, id),
      h("span", { class: connected ? "dot on" : "dot" }, connected ? "Connected" : "Disconnected"),
      h("span", { class: "muted" }, ago(module["lastActivityTime"])),
    );
  }

  async #create(): Promise<void> {
    const id = this.#id.value.trim();
    const body = { deviceId: this.target.device, moduleId: id, authentication: { type: "sas" } };
    try {
      await this.context.api.send("PUT", `${this.#path}/${part(id)}`, { body });
      this.#notice.good(`${id} is created.`);
      this.#id.value = "";
    } catch (error) {
      this.#notice.bad(error);
    }
    await this.#load();
  }
}
