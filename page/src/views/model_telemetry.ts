/** The telemetry of a component: the newest value of each name, as messages arrive. */

import { h, panel, say } from "../dom";
import type { Component } from "../dtdl_model";
import { clock, isObject, text, type Json } from "../format";
import { describe, shown, type Field } from "../schema";
import type { Entry } from "../stream";
import { Table } from "../table";
import { checkColumn } from "./model_properties";

/** How many names that the model does not have are kept. */
const MOST_STRANGE = 50;

interface Row {
  name: string;
  field: Field | undefined;
  value: Json | undefined;
  time: string;
}

/** The component that a message names: `$.sub`, which a service reads as `dt-subject`. */
export function subject(message: Entry): string | undefined {
  return text(message["system_properties"], "dt-subject");
}

export class ModelTelemetry {
  readonly element: HTMLElement;
  #rows = new Map<string, Row>();
  #table: Table<Row>;
  #note = h("p", { class: "misfit", hidden: true });
  #isNew = true;
  #room = MOST_STRANGE;

  constructor(component: Component) {
    for (const field of component.telemetry) {
      this.#rows.set(field.name, { name: field.name, field, value: undefined, time: "" });
    }
    this.#table = new Table<Row>(
      [
        { title: "Telemetry", text: (row) => row.name, className: "code name" },
        { title: "Display name", text: (row) => row.field?.title ?? "" },
        { title: "Value", text: (row) => (row.value === undefined ? "–" : shown(row.field?.schema, row.value)), className: "code" },
        { title: "Unit", text: (row) => row.field?.unit ?? "", className: "unit" },
        { title: "Schema", text: (row) => (row.field ? describe(row.field.schema) : ""), className: "muted" },
        { title: "Time", text: (row) => (row.time === "" ? "" : clock(row.time)), className: "time" },
        checkColumn((row) => row.field?.schema),
      ],
      undefined,
      "Telemetry of the model",
    );
    this.element = panel("Telemetry", this.#table.element, this.#note);
  }

  take(message: Entry): void {
    this.#isNew = true;
    const body = message["body"];
    this.#note.hidden = isObject(body);
    say(this.#note, `The message of ${clock(message.time)} is not a JSON object.`);
    for (const [name, value] of Object.entries(isObject(body) ? body : {})) {
      const row = this.#rows.get(name);
      if (row) {
        [row.value, row.time] = [value, message.time];
      } else if (this.#room > 0) {
        this.#room -= 1;
        this.#rows.set(name, { name, field: undefined, value, time: message.time });
      }
    }
  }

  draw(): void {
    if (this.#isNew) {
      this.#isNew = false;
      this.#table.show([...this.#rows.values()]);
      this.element.hidden = this.#rows.size === 0 && this.#note.hidden;
    }
  }
}
