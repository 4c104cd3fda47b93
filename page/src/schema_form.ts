/** Forms for values of a schema: controls for simple values, JSON for the rest. */

import { field, fill, h } from "./dom";
import { brief, isObject, pretty, type Json } from "./format";
import { describe, example, misfits, own, type Named, type Schema } from "./schema";

/** How deeply nested objects have their own controls. */
const DEEPEST = 3;
const NUMBERS = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** A control. Its value is `undefined` if it is empty; reading throws if it is not JSON. */
interface Control {
  element: HTMLElement;
  read(): Json | undefined;
  write(value: Json | undefined): void;
}

/** The text below a control. */
export function hint(schema: Schema, { unit, description }: Named): string {
  return [describe(schema), unit, brief(description, 120)].filter((part) => part !== "").join(" · ");
}

function choice(label: string, below: string, options: [string, Json][]): Control {
  const element = h("select", {}, h("option", { value: "" }, "–"), ...options.map(([name], at) => h("option", { value: at }, name)));
  return {
    element: field(label, element, below),
    read: () => options[Number(element.value === "" ? NaN : element.value)]?.[1],
    write: (value) => (element.value = String(options.findIndex(([, known]) => known === value)).replace("-1", "")),
  };
}

function line(label: string, below: string, schema: Schema & { kind: "primitive" }, isInner: boolean): Control {
  const like = example(schema);
  const isText = typeof like === "string";
  const element = h("input", {
    type: "text",
    inputmode: isText ? undefined : "decimal",
    placeholder: schema.name === "string" ? undefined : JSON.stringify(like).replaceAll('"', ""),
    spellcheck: "false",
    autocomplete: "off",
  });
  return {
    element: field(label, element, below),
    read: () => {
      const value = isText ? element.value : element.value.trim();
      if (value === "" && (isInner || schema.name !== "string")) {
        return undefined;
      }
      if (!isText && /^-?\d+$/.test(value) && !Number.isSafeInteger(Number(value))) {
        throw new Error(`${label}: this page cannot send an integer beyond 2^53 exactly.`);
      }
      // A text that is not a number stays text, and does not fit.
      return isText || !NUMBERS.test(value) ? value : Number(value);
    },
    write: (value) => (element.value = value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value)),
  };
}

function json(label: string, below: string, schema: Schema): Control {
  const element = h("textarea", { rows: 2, class: "code", spellcheck: "false", placeholder: JSON.stringify(example(schema)) });
  const whole = field(label, element, `${below} · JSON`);
  whole.classList.add("wide");
  return {
    element: whole,
    read: () => {
      try {
        return element.value.trim() === "" ? undefined : (JSON.parse(element.value) as Json);
      } catch (error) {
        throw new Error(`${label}: not JSON: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
    write: (value) => {
      const line = JSON.stringify(value) ?? "";
      element.value = line.length > 60 ? pretty(value) : line;
    },
  };
}

function group(label: string, below: string, schema: Schema & { kind: "object" }, depth: number): Control {
  const controls = schema.fields.map(
    (field) => [field.name, control(field.title || field.name, hint(field.schema, field), field.schema, depth + 1)] as const,
  );
  const rows = h("div", { class: "row" }, ...controls.map(([, { element }]) => element));
  return {
    element: h("fieldset", {}, h("legend", {}, label), h("small", {}, below), rows),
    read: () => {
      const members = controls.map(([name, one]) => [name, one.read()] as const).filter(([, value]) => value !== undefined);
      return members.length === 0 ? undefined : Object.fromEntries(members as [string, Json][]);
    },
    write: (value) => controls.forEach(([name, one]) => one.write(own(value, name))),
  };
}

function control(label: string, below: string, schema: Schema, depth: number): Control {
  if (schema.kind === "enum") {
    return choice(label, below, schema.values.map(({ name, title, value }) => [`${title || name} (${JSON.stringify(value)})`, value]));
  }
  if (schema.kind === "object" && depth < DEEPEST && schema.fields.length > 0) {
    return group(label, below, schema, depth);
  }
  if (schema.kind !== "primitive" || isObject(example(schema))) {
    return json(label, below, schema);
  }
  return schema.name === "boolean" ? choice(label, below, [["true", true], ["false", false]]) : line(label, below, schema, depth > 0);
}

/** A form with one value, which is checked while the user types. */
export class SchemaForm {
  readonly element: HTMLFormElement;
  readonly buttons = h("div", { class: "row" });
  #control: Control;
  #problems = h("ul", { class: "problems", "aria-live": "polite" });

  /** `more` returns further problems of a value that fits. */
  constructor(
    label: string,
    named: Named,
    private readonly schema: Schema,
    private readonly send: (value: Json) => void,
    private readonly more: (value: Json) => string[] = () => [],
  ) {
    this.#control = control(label, hint(schema, named), schema, 0);
    this.element = h("form", {
      onsubmit: (event: Event) => {
        event.preventDefault();
        const value = this.check();
        if (value !== undefined) {
          this.send(value);
        }
      },
      oninput: () => void this.check(),
    }, this.#control.element, this.#problems, this.buttons);
  }

  write(value: Json | undefined): void {
    this.#control.write(value);
    fill(this.#problems);
  }

  /** The value, if it is valid. */
  check(): Json | undefined {
    let value: Json | undefined;
    let found: string[];
    try {
      value = this.#control.read();
      found = value === undefined ? ["Enter a value."] : misfits(this.schema, value);
      found = found.length === 0 && value !== undefined ? this.more(value) : found;
    } catch (error) {
      found = [error instanceof Error ? error.message : String(error)];
    }
    fill(this.#problems, ...found.slice(0, 8).map((problem) => h("li", {}, problem)));
    return found.length === 0 ? value : undefined;
  }
}
