/** The properties of a component: reported and desired values. */

import type { Context, Target } from "../context";
import { Notice, button, fill, h, panel, say } from "../dom";
import type { Component, Property } from "../dtdl_model";
import { brief, isObject, type Json } from "../format";
import { describe, misfits, own, shown, type Schema } from "../schema";
import { SchemaForm } from "../schema_form";
import { Table, type Column } from "../table";
import { problems } from "../twin_rules";
import { lacksMark, patch, replacing, reportedBy, said } from "./model_twin";
import { pathOf } from "./target";

/** How many properties that the model does not have are shown. */
const MOST_STRANGE = 50;

/** What is wrong with a value, for a table cell. */
export function fit(schema: Schema | undefined, value: Json | undefined): string {
  if (schema === undefined) {
    return "not in the model";
  }
  const found = value === undefined ? [] : misfits(schema, value, 1);
  return found[0] === undefined ? "" : `does not fit: ${found[0]}`;
}

/** A column that says whether values fit. */
export function checkColumn<T extends { value: Json | undefined }>(schema: (row: T) => Schema | undefined): Column<T> {
  const check = (row: T): string => (row.value === undefined ? "" : fit(schema(row), row.value) || "fits");
  return { title: "Check", text: check, kind: (row) => (check(row) === "fits" ? "state same" : "misfit") };
}

interface Row {
  name: string;
  property: Property | undefined;
  value: Json | undefined;
}

export class ReadOnly {
  readonly element: HTMLElement;
  #mark = h("p", { class: "notice bad", hidden: true });
  #table: Table<Row>;

  constructor(private readonly component: Component, private readonly others: ReadonlySet<string>) {
    this.#table = new Table<Row>(
      [
        { title: "Property", text: (row) => row.name, className: "code name" },
        { title: "Display name", text: (row) => row.property?.title ?? "" },
        { title: "Reported", text: (row) => (row.value === undefined ? "–" : shown(row.property?.schema, row.value)), className: "code" },
        { title: "Unit", text: (row) => row.property?.unit ?? "", className: "unit" },
        { title: "Schema", text: (row) => (row.property ? describe(row.property.schema) : ""), className: "muted" },
        checkColumn((row) => row.property?.schema),
      ],
      undefined,
      "Read-only properties",
    );
    this.element = panel("Properties (read-only)", this.#mark, this.#table.element);
  }

  update(twin: Json): void {
    const { component } = this;
    const reported = reportedBy(component, twin);
    const known = new Set(component.properties.map(({ name }) => name));
    const strange = Object.keys(reported).filter((name) => !known.has(name) && !(component.name === undefined && this.others.has(name)));
    const rows = component.properties
      .filter(({ writable }) => !writable)
      .map((property): Row => ({ name: property.name, property, value: own(reported, property.name) }));
    rows.push(...strange.slice(0, MOST_STRANGE).map((name): Row => ({ name, property: undefined, value: own(reported, name) })));
    this.#table.show(rows);
    this.#mark.hidden = !lacksMark(component, twin);
    say(this.#mark, `The device reports ${component.name ?? ""} without "__t": "c", so services do not recognize a component.`);
    this.element.hidden = rows.length === 0 && this.#mark.hidden;
  }
}

export class Writable {
  readonly element: HTMLElement;
  #properties: WritableProperty[];

  constructor(context: Context, target: Target, component: Component, updated: (twin: Json) => void) {
    const writable = component.properties.filter((property) => property.writable);
    this.#properties = writable.map((property) => new WritableProperty(context, target, component, property, updated));
    this.element = panel("Properties (writable)", ...this.#properties.map(({ element }) => element));
    this.element.hidden = writable.length === 0;
  }

  update(twin: Json): void {
    this.#properties.forEach((property) => property.update(twin));
  }
}

class WritableProperty {
  readonly element: HTMLElement;
  #form: SchemaForm;
  #notice = new Notice();
  #state = h("span", { class: "tag", role: "status" });
  #facts = h("dl", { class: "facts" });
  #remove: HTMLButtonElement;
  #desired: Json | undefined;
  #isFilled = false;

  constructor(
    private readonly context: Context,
    private readonly target: Target,
    private readonly component: Component,
    private readonly property: Property,
    private readonly updated: (twin: Json) => void,
  ) {
    this.#form = new SchemaForm(
      `Desired value of ${property.name}`,
      { ...property, description: "" },
      property.schema,
      (value) => void this.#write(replacing(this.#desired, value)),
      (value) => problems("desired", patch(component, property.name, value)),
    );
    this.#remove = button("Remove", () => void this.#write(null), "", { "aria-label": `Remove the desired value of ${property.name}` });
    this.#form.buttons.append(h("button", { type: "submit", class: "primary" }, "Write"), this.#remove);
    this.#form.element.append(this.#notice.element);
    this.element = h(
      "article",
      { class: "call model-item" },
      h("header", {}, h("strong", {}, property.title || property.name), h("code", { class: "muted" }, property.title && property.name),
        h("span", { class: "grow" }), this.#state),
      property.description !== "" && h("p", { class: "muted" }, property.description),
      h("div", { class: "columns" }, this.#facts, this.#form.element),
    );
  }

  update(twin: Json): void {
    const { property } = this;
    const { desired, version, reported, answer } = said(this.component, property.name, twin);
    const value = (value: Json | undefined): string => (value === undefined ? "–" : shown(property.schema, value));
    const fact = (name: string, ...texts: string[]): HTMLElement =>
      h("div", { class: "fact" }, h("dt", {}, name),
        h("dd", {}, ...texts.filter((text) => text !== "").map((text, at) => h("span", { class: at === 0 ? "code" : "misfit" }, text))));
    const told = answer && [`${answer.code}, version ${answer.version}`, brief(answer.description, 300)].filter((part) => part !== "").join(": ");
    fill(
      this.#facts,
      fact("Reported", value(reported), fit(property.schema, reported)),
      fact("Desired", desired === undefined ? "–" : `${value(desired)}, version ${version}`, fit(property.schema, desired)),
      fact("Acknowledged", told ?? "–", reported !== undefined && !answer ? 'reported without "value", "ac" and "av"' : ""),
    );
    this.#desired = desired;
    this.#remove.disabled = desired === undefined;
    const waits = desired !== undefined && (answer === undefined || answer.version < version);
    this.#state.hidden = !waits && answer === undefined;
    this.#state.className = waits ? "tag waits" : answer && answer.code < 300 ? "tag good" : "tag bad";
    say(this.#state, waits ? "waits for the device" : `acknowledged: ${answer?.code}`);
    if (!this.#isFilled) {
      // Only once: an update must not overwrite the user's input.
      this.#isFilled = true;
      this.#form.write(desired ?? (fit(property.schema, reported) === "" ? reported : undefined));
    }
  }

  async #write(value: Json): Promise<void> {
    const body = { properties: { desired: patch(this.component, this.property.name, value) } };
    try {
      const answer = await this.context.api.send("PATCH", pathOf("twins", this.target), { body });
      this.#notice.good(value === null ? "Removed." : "Written.");
      if (isObject(answer.body)) {
        this.updated(answer.body);
      }
    } catch (error) {
      this.#notice.bad(error);
    }
  }
}
