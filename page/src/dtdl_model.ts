/** The model of a device: its components, built from the known interfaces. */

import { idOf, isId, isName, isType, label, list, named } from "./dtdl";
import { Reading, Schemas } from "./dtdl_schema";
import { brief, isObject, type Json, type JsonObject } from "./format";
import type { Field, Named } from "./schema";

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
  /** All components, including those whose interface is missing. */
  names: Set<string>;
  /** Interfaces that no file defines, each with the places that need it. */
  missing: Map<string, Set<string>>;
  problems: string[];
}

/** The most levels of `extends` (DTDL v3, "Interface"), and the most contents of an interface. */
const DEEPEST_BASE = 10;
const MOST_CONTENTS = 1000;

/** The model with an id, built from the known interfaces. */
export function resolve(id: string, known: ReadonlyMap<string, JsonObject>): Model {
  return new Resolver(known).model(id);
}

/** The contents and schemas of an interface and those that it extends. */
interface Gathered {
  contents: Map<string, JsonObject>;
  schemas: Schemas;
}

class Resolver {
  #missing = new Map<string, Set<string>>();
  #reading = new Reading();

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
    return { components, names, missing: this.#missing, problems: this.#reading.problems };
  }

  /** An interface by its id, or defined inline. */
  #find(reference: Json | undefined, where: string): JsonObject | undefined {
    if (isObject(reference) && isType(reference, "Interface")) {
      return reference;
    }
    if (!isId(reference)) {
      this.#reading.problem(`${where}: ${brief(JSON.stringify(reference ?? null), 80)} is not the id of an interface`);
      return undefined;
    }
    const found = this.known.get(reference);
    if (!found) {
      this.#missing.set(reference, (this.#missing.get(reference) ?? new Set()).add(where));
    }
    return found;
  }

  #gather(source: JsonObject): Gathered {
    const gathered = { contents: new Map<string, JsonObject>(), schemas: new Schemas(source, this.#reading) };
    this.#add(gathered, source, new Set(), 0);
    return gathered;
  }

  #add(gathered: Gathered, source: JsonObject, seen: Set<JsonObject>, depth: number): void {
    if (seen.has(source) || depth > DEEPEST_BASE) {
      this.#reading.problem(`${idOf(source)}: extends more than ${DEEPEST_BASE} levels, or itself`);
      return;
    }
    const contents = list(source["contents"]);
    // Interfaces that extend too many others are read only in part.
    if (!this.#reading.spend(1 + contents.length)) {
      return;
    }
    const below = new Set(seen).add(source);
    gathered.schemas.share(source);
    for (const content of contents) {
      const name = isObject(content) ? content["name"] : undefined;
      if (!isObject(content) || !isName(name)) {
        this.#reading.problem(`${idOf(source)}: ${brief(JSON.stringify(name ?? null), 80)} is not a name`);
      } else if (gathered.contents.size < MOST_CONTENTS && !gathered.contents.has(name)) {
        gathered.contents.set(name, content);
      } else if (gathered.contents.get(name) !== content) {
        this.#reading.problem(`${idOf(source)}: ${name} is there twice, or more than ${MOST_CONTENTS} contents`);
      }
    }
    for (const base of list(source["extends"])) {
      const found = this.#find(base, `the base of ${idOf(source)}`);
      if (found) {
        this.#add(gathered, found, below, depth + 1);
      }
    }
  }

  #component(name: string | undefined, source: JsonObject, { contents, schemas }: Gathered): Component {
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
    for (const [key, content] of contents) {
      const where = name === undefined ? key : `${name}.${key}`;
      if (isType(content, "Property")) {
        component.properties.push({ ...schemas.field(content, where), writable: content["writable"] === true });
      } else if (isType(content, "Telemetry")) {
        component.telemetry.push(schemas.field(content, where));
      } else if (isType(content, "Command")) {
        const part = (what: string): Field | undefined => {
          const found = content[what];
          return isObject(found) ? schemas.field(found, `${where}, ${what}`) : undefined;
        };
        component.commands.push({ ...named(content), request: part("request"), response: part("response") });
      } else if (isType(content, "Component") && name !== undefined) {
        this.#reading.problem(`${where}: a component has no components`);
      } else if (!isType(content, "Component") && !isType(content, "Relationship")) {
        this.#reading.problem(`${where}: "@type" ${brief(JSON.stringify(content["@type"] ?? null), 80)} is not known`);
      }
    }
    return component;
  }
}
