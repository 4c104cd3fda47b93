/** IoT Plug and Play: a device according to the model that it announced. */

import type { Context, Target, View } from "../context";
import { Notice, button, fill, h, panel, say } from "../dom";
import { resolve, type Component, type Model } from "../dtdl_model";
import { brief, isObject, text, type Json } from "../format";
import { models } from "../models";
import { isOf } from "../store";
import type { Entry } from "../stream";
import { ComponentView } from "./model_component";
import { subject } from "./model_telemetry";
import { pathOf } from "./target";

/** How many messages to search for the newest values when a component is chosen. */
const LOOKED_AT = 2000;

const NONE: Model = { components: [], names: new Set(), missing: new Map(), problems: [] };

/** The path of an interface in the public model repository, and in most model folders (Azure/iot-plugandplay-models). */
function fileOf(id: string): string {
  return `${id.toLowerCase().replaceAll(":", "/").replace(";", "-")}.json`;
}

export class ModelView implements View {
  readonly element: HTMLElement;
  #announced = h("div", { class: "announced" });
  #notice = new Notice();
  #problems = h("ul", { class: "problems", "aria-live": "polite" });
  #missing = h("div");
  #loaded = h("span", { class: "count" });
  #forget = button("Forget", () => (models.forget(), this.#build([])), "", { "aria-label": "Forget all model files" });
  #choices = h("div", { class: "components", role: "group", "aria-label": "Components" });
  #strangers = h("p", { class: "misfit", hidden: true });
  #content = h("div");
  #twin: Json = {};
  #model: Model = NONE;
  #shown: [string | undefined, ComponentView] | undefined;
  #subjects = new Set<string>();
  #reload: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly context: Context,
    private readonly target: Target,
  ) {
    const files = h("input", { type: "file", multiple: true, accept: ".json,application/json", "aria-label": "Model files", hidden: true });
    files.addEventListener("change", () => {
      void models.add([...(files.files ?? [])]).then((problems) => this.#build(problems));
      files.value = "";
    });
    this.element = h(
      "div",
      {},
      this.#notice.element,
      panel("Model", this.#announced,
        h("div", { class: "row" }, button("Choose model files", () => files.click(), "primary"), this.#forget, this.#loaded, files),
        h("small", {}, "DTDL as JSON: one or more files, each with an interface or an array of interfaces. Only this tab keeps them."),
        this.#problems, this.#missing),
      this.#choices,
      this.#strangers,
      this.#content,
    );
    context.store.onEvent = (event) => this.#event(event);
    context.store.onMessage = (message) => this.#take(message);
    void this.#load();
  }

  leave(): void {
    this.context.store.onEvent = undefined;
    this.context.store.onMessage = undefined;
    clearTimeout(this.#reload);
  }

  draw(): void {
    this.#shown?.[1].telemetry.draw();
    const { components, names } = this.#model;
    const strange = [...this.#subjects].filter((name) => !names.has(name));
    this.#strangers.hidden = strange.length === 0 || components.length === 0;
    say(this.#strangers, `Messages arrived from components that the model does not have: ${strange.join(", ")}.`);
  }

  #event(event: Entry): void {
    const type = text(event, "type") ?? "";
    if ((type.startsWith("twin.") || type === "connection.opened") && isOf(event, this.target.device, this.target.module)) {
      this.#reload ??= setTimeout(() => {
        this.#reload = undefined;
        void this.#load();
      }, 250);
    }
  }

  #take(message: Entry): void {
    if (!isOf(message, this.target.device, this.target.module)) {
      return;
    }
    const name = subject(message);
    if (name !== undefined && this.#subjects.size < 20) {
      this.#subjects.add(name);
    }
    if (this.#shown !== undefined && this.#shown[0] === name) {
      this.#shown[1].telemetry.take(message);
    }
  }

  get #id(): string | undefined {
    return text(this.#twin, "modelId");
  }

  async #load(): Promise<void> {
    try {
      const twin = await this.context.api.get(pathOf("twins", this.target));
      const before = this.#id;
      this.#twin = isObject(twin) ? twin : {};
      this.#notice.clear();
      if (before !== this.#id || this.#announced.childElementCount === 0) {
        this.#build([]);
      } else {
        this.#shown?.[1].update(this.#twin);
      }
    } catch (error) {
      this.#notice.bad(error);
    }
  }

  /** Shows the model again, after the device has announced another one or the files have changed. */
  #build(problems: string[]): void {
    const id = this.#id;
    fill(
      this.#announced,
      id === undefined
        ? h("p", {}, "The device has not announced a model. A device announces its model when it connects: ", h("code", {}, 'DeviceClient(…, model_id="dtmi:…")'), ".")
        : h("p", {}, "The device has announced ", h("code", {}, id), "."),
    );
    const count = models.known.size;
    say(this.#loaded, count === 0 ? "" : count === 1 ? "1 interface is loaded" : `${count} interfaces are loaded`);
    this.#forget.hidden = count === 0;
    this.#model = id === undefined ? NONE : resolve(id, models.known);
    const found = [...problems, ...this.#model.problems];
    fill(this.#problems, ...found.slice(0, 20).map((problem) => h("li", {}, problem)));
    const missing = [...this.#model.missing].slice(0, 50);
    fill(this.#missing, missing.length > 0 && h("div", { class: "missing" },
      h("p", {}, missing.length === 1 ? "An interface is missing. Choose the file that defines it:" : "Interfaces are missing. Choose the files that define them:"),
      h("ul", {}, ...missing.map(([id, where]) => h("li", {}, h("code", {}, id), ` for ${brief([...where].join(", "), 300)}; often in `, h("code", {}, fileOf(id)))))));
    this.#choose(this.#shown?.[0]);
  }

  /** Shows a component, or the first if none has that name. */
  #choose(name: string | undefined): void {
    const { components, names } = this.#model;
    const component = components.find((one) => one.name === name) ?? components[0];
    const choice = (one: Component): HTMLElement =>
      button(one.name ?? "Default component", () => this.#choose(one.name), "small", { "aria-pressed": String(one === component) });
    const hadFocus = this.#choices.contains(document.activeElement);
    this.#choices.hidden = components.length < 2;
    fill(this.#choices, ...components.map(choice));
    if (hadFocus) {
      this.#choices.querySelector<HTMLElement>("[aria-pressed=true]")?.focus();
    }
    this.#shown = undefined;
    fill(this.#content);
    if (component) {
      const shown = new ComponentView(this.context, this.target, component, names, (twin) => {
        this.#twin = twin;
        shown.update(twin);
      });
      this.#shown = [component.name, shown];
      shown.update(this.#twin);
      this.context.store.messages.newest(LOOKED_AT).reverse().forEach((message) => this.#take(message));
      fill(this.#content, shown.element);
      this.draw();
    }
  }
}
