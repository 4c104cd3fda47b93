/** Models in DTDL (v2 to v4): interfaces out of JSON, and the components that a model consists of. Any JSON may come. */

import { brief, isObject, text, type Json, type JsonObject } from "./format";
import { isPrimitive, own, type EnumValue, type Field, type Named, type Schema } from "./schema";

export interface Property extends Field {
  writable: boolean;
}

export interface Command extends Named {
  request: Field | undefined;
  response: Field | undefined;
}

/** An interface as a part of a device. */
export interface Component {
  /** `undefined` for the default component, which is the model itself. */
  name: string | undefined;
  id: string;
  title: string;
  description: string;
  source: JsonObject;
  properties: Property[];
  telemetry: Field[];
  commands: Command[];
}

export interface Model {
  components: Component[];
  /** All components, also those whose interface is missing. */
  names: Set<string>;
  /** Interfaces that no file has, each with what refers to it. */
  missing: Map<string, string>;
  problems: string[];
}

const SEGMENT = "[A-Za-z](?:[A-Za-z0-9_]*[A-Za-z0-9])?";
const DTMI = new RegExp(`^dtmi:${SEGMENT}(?::${SEGMENT})*(?:;[1-9][0-9]{0,8}(?:\\.[1-9][0-9]{0,5})?)?$`);
const NAME = new RegExp(`^${SEGMENT}$`);
const LONGEST_ID = 2048;
const LONGEST_NAME = 512;

/** Levels of `extends` (DTDL v3, "Interface"). */
const DEEPEST_BASE = 10;

/** Levels of JSON in a file, contents of an interface, parts of a model, and problems that are told. */
const DEEPEST_JSON = 64;
const MOST_CONTENTS = 1000;
const MOST_PARTS = 10_000;
const MOST_PROBLEMS = 20;

function list(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
}

function isType(value: JsonObject, name: string): boolean {
  return list(value["@type"]).includes(name);
}

function isId(value: Json | undefined): value is string {
  return typeof value === "string" && value.length <= LONGEST_ID && DTMI.test(value);
}

/** Without recursion: what is too deep for that is what this looks for. */
function isTooDeep(value: Json): boolean {
  let level: Json[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST_JSON) {
      return true;
    }
    level = level.flatMap((one) => (typeof one === "object" && one !== null ? Object.values(one) : []));
  }
  return false;
}

/** The interfaces in a file, which is one or an array of them. */
export function readFile(content: string): { interfaces: [string, JsonObject][]; problems: string[] } {
  let parsed: Json;
  try {
    parsed = JSON.parse(content.replace(/^\ufeff/, "")) as Json;
  } catch (error) {
    return { interfaces: [], problems: [`not JSON: ${error instanceof Error ? error.message : String(error)}`] };
  }
  if (isTooDeep(parsed)) {
    return { interfaces: [], problems: [`more than ${DEEPEST_JSON} levels deep`] };
  }
  const [interfaces, problems]: [[string, JsonObject][], string[]] = [[], []];
  list(parsed).forEach((one, at) => {
    const where = Array.isArray(parsed) ? `element ${at + 1}: ` : "";
    if (!isObject(one) || !isType(one, "Interface")) {
      problems.push(`${where}not an interface of DTDL: "@type" is not "Interface"`);
    } else if (isId(one["@id"])) {
      interfaces.push([one["@id"], one]);
    } else {
      problems.push(`${where}"@id" must be like dtmi:com:example:Thermostat;1`);
    }
  });
  if (interfaces.length + problems.length === 0) {
    problems.push("has no interface");
  }
  return { interfaces, problems };
}

/** The model with an id, out of the interfaces that are known. */
export function resolve(id: string, known: ReadonlyMap<string, JsonObject>): Model {
  return new Resolver(known).model(id);
}

/** What one interface and those that it extends have. */
interface Gathered {
  contents: Map<string, JsonObject>;
  schemas: Map<string, JsonObject>;
  deepest: number;
}

class Resolver {
  #missing = new Map<string, string>();
  #problems = new Set<string>();
  #left = MOST_PARTS;

  constructor(private readonly known: ReadonlyMap<string, JsonObject>) {}

  model(id: string): Model {
    const source = this.#find(id, "the model that the device announced");
    const components: Component[] = [];
    const names = new Set<string>();
    if (source) {
      const gathered = this.#gather(source);
      components.push(this.#component(undefined, source, gathered));
      for (const [name, content] of gathered.contents) {
        if (isType(content, "Component")) {
          names.add(name);
          const inner = this.#find(content["schema"], `the component ${name}`);
          if (inner) {
            const component = this.#component(name, inner, this.#gather(inner));
            components.push({ ...component, title: label(content["displayName"]) || component.title });
          }
        }
      }
    }
    return { components, names, missing: this.#missing, problems: [...this.#problems].slice(0, MOST_PROBLEMS) };
  }

  #problem(text: string): void {
    if (this.#problems.size < MOST_PROBLEMS) {
      this.#problems.add(brief(text, 300));
    }
  }

  /** An interface by its id, or as it stands there. */
  #find(reference: Json | undefined, where: string): JsonObject | undefined {
    if (isObject(reference) && isType(reference, "Interface")) {
      return reference;
    }
    if (!isId(reference)) {
      this.#problem(`${where}: ${brief(JSON.stringify(reference ?? null), 80)} is not the id of an interface`);
      return undefined;
    }
    const found = this.known.get(reference);
    if (!found) {
      const others = this.#missing.get(reference);
      this.#missing.set(reference, others === undefined ? where : brief(`${others}, ${where}`, 300));
    }
    return found;
  }

  #gather(source: JsonObject): Gathered {
    const context = list(source["@context"]).map((one) => /^dtmi:dtdl:context;(\d+)/.exec(String(one))?.[1]);
    const gathered: Gathered = {
      contents: new Map(),
      schemas: new Map(),
      // DTDL v2 and v3: five levels of schemas, v4: eight.
      deepest: context.some((version) => Number(version) >= 4) ? 8 : 5,
    };
    this.#add(gathered, source, new Set(), 0);
    return gathered;
  }

  #add(gathered: Gathered, source: JsonObject, seen: Set<JsonObject>, depth: number): void {
    if (seen.has(source) || depth > DEEPEST_BASE) {
      this.#problem(`${idOf(source)}: extends more than ${DEEPEST_BASE} levels, or itself`);
      return;
    }
    const contents = list(source["contents"]);
    // What extends much in many ways is read no further.
    this.#left -= 1 + contents.length;
    if (this.#left < 0) {
      this.#problem(`${idOf(source)}: the model has more than ${MOST_PARTS} parts`);
      return;
    }
    const below = new Set(seen).add(source);
    for (const schema of list(source["schemas"]).filter(isObject)) {
      if (isId(schema["@id"])) {
        gathered.schemas.set(schema["@id"], schema);
      }
    }
    for (const content of contents) {
      const name = isObject(content) ? content["name"] : undefined;
      if (!isObject(content) || typeof name !== "string" || name.length > LONGEST_NAME || !NAME.test(name)) {
        this.#problem(`${idOf(source)}: ${brief(JSON.stringify(name ?? null), 80)} is not a name`);
      } else if (gathered.contents.size < MOST_CONTENTS && !gathered.contents.has(name)) {
        gathered.contents.set(name, content);
      } else if (gathered.contents.get(name) !== content) {
        this.#problem(`${idOf(source)}: ${name} is there twice, or more than ${MOST_CONTENTS} contents`);
      }
    }
    for (const base of list(source["extends"])) {
      const found = this.#find(base, `what ${idOf(source)} extends`);
      if (found) {
        this.#add(gathered, found, below, depth + 1);
      }
    }
  }

  #component(name: string | undefined, source: JsonObject, gathered: Gathered): Component {
    const component: Component = {
      name,
      id: idOf(source),
      title: label(source["displayName"]),
      description: label(source["description"]),
      source,
      properties: [],
      telemetry: [],
      commands: [],
    };
    for (const [key, content] of gathered.contents) {
      const where = name === undefined ? key : `${name}.${key}`;
      if (isType(content, "Property")) {
        component.properties.push({ ...this.#field(content, where, gathered), writable: content["writable"] === true });
      } else if (isType(content, "Telemetry")) {
        component.telemetry.push(this.#field(content, where, gathered));
      } else if (isType(content, "Command")) {
        const part = (what: string): Field | undefined => {
          const found = content[what];
          return isObject(found) ? this.#field(found, `${where}, ${what}`, gathered) : undefined;
        };
        component.commands.push({ ...named(content), request: part("request"), response: part("response") });
      } else if (isType(content, "Component") && name !== undefined) {
        this.#problem(`${where}: a component has no components`);
      } else if (!isType(content, "Component") && !isType(content, "Relationship")) {
        this.#problem(`${where}: "@type" ${brief(JSON.stringify(content["@type"] ?? null), 80)} is not known`);
      }
    }
    return component;
  }

  #field(source: JsonObject, where: string, gathered: Gathered): Field {
    return { ...named(source), schema: this.#schema(source["schema"], where, gathered, 1) };
  }

  #schema(source: Json | undefined, where: string, gathered: Gathered, level: number): Schema {
    const any = (problem: string): Schema => {
      this.#problem(`${where}: ${problem}`);
      return { kind: "any", name: "any value" };
    };
    this.#left -= 1;
    if (this.#left < 0) {
      return any(`the model has more than ${MOST_PARTS} parts`);
    }
    if (typeof source === "string") {
      const name = /^dtmi:(?:dtdl:instance:Schema|standard:schema:geospatial):(\w+);\d+$/.exec(source)?.[1] ?? source;
      const shared = gathered.schemas.get(source);
      if (isPrimitive(name)) {
        return { kind: "primitive", name };
      }
      return shared ? this.#schema(shared, where, gathered, level) : any(`the schema ${brief(source, 80)} is not known`);
    }
    if (!isObject(source)) {
      return any("has no schema");
    }
    if (level > gathered.deepest) {
      return any(`its schema has more than ${gathered.deepest} levels`);
    }
    const inner = (schema: Json | undefined, at: string): Schema => this.#schema(schema, at, gathered, level + 1);
    if (isType(source, "Enum")) {
      return { kind: "enum", of: text(source, "valueSchema") ?? "integer", values: list(source["enumValues"]).flatMap(enumValue) };
    }
    if (isType(source, "Array")) {
      return { kind: "array", element: inner(source["elementSchema"], where) };
    }
    if (isType(source, "Map")) {
      return { kind: "map", value: inner(own(source["mapValue"], "schema"), where) };
    }
    if (isType(source, "Object")) {
      const fields = list(source["fields"]).filter(isObject).filter((field) => NAME.test(text(field, "name") ?? ""));
      return {
        kind: "object",
        fields: fields.map((field) => ({ ...named(field), schema: inner(field["schema"], `${where}.${text(field, "name")}`) })),
      };
    }
    return any(`the schema ${brief(JSON.stringify(source["@type"] ?? null), 80)} is not known`);
  }
}

function idOf(source: JsonObject): string {
  return isId(source["@id"]) ? source["@id"] : "an interface without an id";
}

function named(source: JsonObject): Named {
  return {
    name: brief(text(source, "name") ?? "", LONGEST_NAME),
    title: label(source["displayName"]),
    description: label(source["description"]),
    unit: brief(text(source, "unit") ?? text(source, "displayUnit") ?? "", 80),
  };
}

/** A text for people: in English, or the first language that is there. */
function label(value: Json | undefined): string {
  const found = isObject(value) ? (own(value, "en") ?? Object.values(value)[0]) : value;
  return typeof found === "string" ? brief(found, 512) : "";
}

function enumValue(source: Json): EnumValue[] {
  const value = own(source, "enumValue");
  if (typeof value !== "number" && typeof value !== "string") {
    return [];
  }
  return [{ name: text(source, "name") ?? "", title: label(own(source, "displayName")), value }];
}
