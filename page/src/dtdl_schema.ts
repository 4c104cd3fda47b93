/** Schemas in DTDL, read from JSON. */

import { isId, isName, isType, label, list, named } from "./dtdl";
import { brief, isObject, text, type Json, type JsonObject } from "./format";
import { isPrimitive, own, type EnumValue, type Field, type Schema } from "./schema";

/** The most parts of a model, and the most problems that are reported. */
const MOST_PARTS = 10_000;
const MOST_PROBLEMS = 20;

/** The problems of a model, and how much of it may still be read. */
export class Reading {
  #problems = new Set<string>();
  #left = MOST_PARTS;

  get problems(): string[] {
    return [...this.#problems];
  }

  problem(text: string): void {
    if (this.#problems.size < MOST_PROBLEMS) {
      this.#problems.add(brief(text, 300));
    }
  }

  /** Counts parts; returns whether they may be read. */
  spend(parts: number): boolean {
    this.#left -= parts;
    if (this.#left < 0) {
      this.problem(`The model has more than ${MOST_PARTS} parts; the rest is not read.`);
    }
    return this.#left >= 0;
  }
}

/** Used if a schema cannot be read. */
const ANY: Schema = { kind: "any", name: "any value" };

/** The schemas of an interface. */
export class Schemas {
  /** Shared schemas, by id. */
  #shared = new Map<string, JsonObject>();
  #deepest: number;

  constructor(
    source: JsonObject,
    private readonly reading: Reading,
  ) {
    const context = list(source["@context"]).map((one) => /^dtmi:dtdl:context;(\d+)/.exec(String(one))?.[1]);
    // DTDL v2 and v3: five levels of schemas, v4: eight.
    this.#deepest = context.some((version) => Number(version) >= 4) ? 8 : 5;
  }

  /** Adds the shared schemas of an interface, or of one that it extends. */
  share(source: JsonObject): void {
    for (const schema of list(source["schemas"]).filter(isObject)) {
      if (isId(schema["@id"])) {
        this.#shared.set(schema["@id"], schema);
      }
    }
  }

  /** A property, telemetry, request, response or field with its schema. */
  field(source: JsonObject, where: string): Field {
    return { ...named(source), schema: this.#read(source["schema"], where, 1) };
  }

  #read(source: Json | undefined, where: string, level: number): Schema {
    const any = (problem: string): Schema => {
      this.reading.problem(`${where}: ${problem}`);
      return ANY;
    };
    if (!this.reading.spend(1)) {
      return ANY;
    }
    if (typeof source === "string") {
      const name = /^dtmi:(?:dtdl:instance:Schema|standard:schema:geospatial):(\w+);\d+$/.exec(source)?.[1] ?? source;
      const shared = this.#shared.get(source);
      if (isPrimitive(name)) {
        return { kind: "primitive", name };
      }
      return shared ? this.#read(shared, where, level) : any(`the schema ${brief(source, 80)} is not known`);
    }
    if (!isObject(source)) {
      return any("has no schema");
    }
    if (level > this.#deepest) {
      return any(`its schema has more than ${this.#deepest} levels`);
    }
    const inner = (schema: Json | undefined, at: string): Schema => this.#read(schema, at, level + 1);
    if (isType(source, "Enum")) {
      const values = list(source["enumValues"]);
      const of = text(source, "valueSchema") ?? "integer";
      return this.reading.spend(values.length) ? { kind: "enum", of, values: values.flatMap(enumValue) } : ANY;
    }
    if (isType(source, "Array")) {
      return { kind: "array", element: inner(source["elementSchema"], where) };
    }
    if (isType(source, "Map")) {
      return { kind: "map", value: inner(own(source["mapValue"], "schema"), where) };
    }
    if (isType(source, "Object")) {
      const fields = list(source["fields"]).filter(isObject).filter((field) => isName(field["name"]));
      return {
        kind: "object",
        fields: fields.map((field) => ({ ...named(field), schema: inner(field["schema"], `${where}.${text(field, "name")}`) })),
      };
    }
    return any(`the schema ${brief(JSON.stringify(source["@type"] ?? null), 80)} is not known`);
  }
}

function enumValue(source: Json): EnumValue[] {
  const value = own(source, "enumValue");
  if (typeof value !== "number" && typeof value !== "string") {
    return [];
  }
  return [{ name: text(source, "name") ?? "", title: label(own(source, "displayName")), value }];
}
