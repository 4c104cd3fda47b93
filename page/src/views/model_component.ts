/** One component of a device: its interface, properties, commands and telemetry. */

import type { Context, Target } from "../context";
import { h, say } from "../dom";
import type { Component } from "../dtdl_model";
import { pretty, type Json } from "../format";
import { Commands } from "./model_commands";
import { ReadOnly, Writable } from "./model_properties";
import { ModelTelemetry } from "./model_telemetry";

export class ComponentView {
  readonly element: HTMLElement;
  readonly telemetry: ModelTelemetry;
  #readOnly: ReadOnly;
  #writable: Writable;

  constructor(context: Context, target: Target, component: Component, names: ReadonlySet<string>, updated: (twin: Json) => void) {
    this.telemetry = new ModelTelemetry(component);
    this.#readOnly = new ReadOnly(component, names);
    this.#writable = new Writable(context, target, component, updated);
    const { title, description, name, source } = component;
    const definition = h("pre", { class: "json", tabindex: 0, "aria-label": "Interface" });
    // Filled in when it is opened: the text may be long.
    const whole = h("details", { ontoggle: () => say(definition, whole.open ? pretty(source) : "") }, h("summary", {}, "Interface"), definition);
    this.element = h(
      "div",
      {},
      h("section", { class: "panel" },
        h("div", { class: "panel-head" }, h("h2", {}, title || name || "Default component"), h("code", { class: "muted" }, component.id)),
        description !== "" && h("p", {}, description),
        whole),
      this.#readOnly.element,
      this.#writable.element,
      new Commands(context, target, component).element,
      this.telemetry.element,
    );
  }

  update(twin: Json): void {
    this.#readOnly.update(twin);
    this.#writable.update(twin);
  }
}
