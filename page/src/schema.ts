/** Schemas of DTDL (v2 to v4, "Schema"): the values that they allow, and what is wrong with other values. */

import { brief, isObject, type Json, type JsonObject } from "./format";

/** The names of a field, property, telemetry, request or response. */
export interface Named {
  name: string;
  /** The display name; empty if there is no display name. */
  title: string;
  description: string;
  unit: string;
}

export interface Field extends Named {
  schema: Schema;
}

export interface EnumValue {
  name: string;
  title: string;
  value: number | string;
}

export type Schema =
  | { kind: "primitive"; name: string }
  | { kind: "enum"; of: string; values: EnumValue[] }
  | { kind: "object"; fields: Field[] }
  | { kind: "array"; element: Schema }
  | { kind: "map"; value: Schema }
  /** A schema that this page does not know, with its name in the model: any value fits. */
  | { kind: "any"; name: string };

interface Primitive {
  fits(value: Json): boolean;
  example: Json;
}

function integer(least: number, most: number): Primitive {
  return { fits: (value) => Number.isInteger(value) && Number(value) >= least && Number(value) <= most, example: 1 };
}

function number(most: number): Primitive {
  return { fits: (value) => typeof value === "number" && Math.abs(value) <= most, example: 21.5 };
}

function matching(pattern: RegExp, example: string, isValid = (_: string): boolean => true): Primitive {
  return { fits: (value) => typeof value === "string" && pattern.test(value) && isValid(value), example };
}

/** GeoJSON (RFC 7946). */
function geometry(type: string, coordinates: Json): Primitive {
  return {
    fits: (value) => isObject(value) && value["type"] === type && Array.isArray(value["coordinates"]),
    example: { type, coordinates },
  };
}

const DATE = "\\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])";
const TIME = "(?:[01]\\d|2[0-3]):[0-5]\\d:(?:[0-5]\\d|60)(?:\\.\\d+)?";
const ZONE = "(?:[Zz]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)";

/** Whether the month has this day. */
function isDay(text: string): boolean {
  const [year, month, day] = text.slice(0, 10).split("-").map(Number);
  return Number(day) <= new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
}

const POINT = [47.6, -122.1];

/** Dates and times follow RFC 3339, durations ISO 8601. */
const PRIMITIVES = new Map<string, Primitive>([
  ["boolean", { fits: (value) => typeof value === "boolean", example: true }],
  ["byte", integer(-128, 127)],
  ["short", integer(-32_768, 32_767)],
  ["integer", integer(-(2 ** 31), 2 ** 31 - 1)],
  ["long", integer(-(2 ** 63), 2 ** 63)],
  ["unsignedByte", integer(0, 255)],
  ["unsignedShort", integer(0, 65_535)],
  ["unsignedInteger", integer(0, 2 ** 32 - 1)],
  ["unsignedLong", integer(0, 2 ** 64)],
  ["float", number(3.402_823_5e38)],
  ["double", number(Number.MAX_VALUE)],
  ["decimal", number(Number.MAX_VALUE)],
  ["string", { fits: (value) => typeof value === "string", example: "text" }],
  ["uuid", matching(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, "123e4567-e89b-12d3-a456-426614174000")],
  ["bytes", matching(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, "AAEC")],
  ["date", matching(new RegExp(`^${DATE}$`), "2026-11-30", isDay)],
  ["time", matching(new RegExp(`^${TIME}(?:${ZONE})?$`), "10:18:09Z")],
  ["dateTime", matching(new RegExp(`^${DATE}[Tt ]${TIME}${ZONE}$`), "2026-11-30T10:18:09Z", isDay)],
  ["duration", matching(/^-?P(?=.)(?:\d+Y)?(?:\d+M)?(?:\d+W)?(?:\d+D)?(?:T(?=.)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?$/, "PT1H30M")],
  ["point", geometry("Point", POINT)],
  ["multiPoint", geometry("MultiPoint", [POINT])],
  ["lineString", geometry("LineString", [POINT, POINT])],
  ["multiLineString", geometry("MultiLineString", [[POINT, POINT]])],
  ["polygon", geometry("Polygon", [[POINT, POINT, POINT, POINT]])],
  ["multiPolygon", geometry("MultiPolygon", [[[POINT, POINT, POINT, POINT]]])],
]);

export function isPrimitive(name: string): boolean {
  return PRIMITIVES.has(name);
}

/** A schema in a few words. */
export function describe(schema: Schema): string {
  switch (schema.kind) {
    case "enum":
      return `enum of ${schema.of}`;
    case "object":
      return "object";
    case "array":
      return `array of ${describe(schema.element)}`;
    case "map":
      return `map of ${describe(schema.value)}`;
    default:
      return schema.name;
  }
}

/** An example of a value that fits. */
export function example(schema: Schema): Json {
  switch (schema.kind) {
    case "primitive":
      return PRIMITIVES.get(schema.name)?.example ?? null;
    case "enum":
      return schema.values[0]?.value ?? null;
    case "object":
      return Object.fromEntries(schema.fields.map((field) => [field.name, example(field.schema)]));
    case "array":
      return [example(schema.element)];
    case "map":
      return { name: example(schema.value) };
    default:
      return null;
  }
}

/** A value as text, with its name if the schema is an enum. */
export function shown(schema: Schema | undefined, value: Json): string {
  const named = schema?.kind === "enum" ? schema.values.find((one) => one.value === value) : undefined;
  const label = named === undefined ? "" : named.title || named.name;
  return `${brief(JSON.stringify(value), 400)}${label === "" ? "" : ` (${label})`}`;
}

/** An object's own member, not an inherited one. */
export function own(object: Json | undefined, name: string): Json | undefined {
  return isObject(object) && Object.hasOwn(object, name) ? object[name] : undefined;
}

/** The problems of a value, each with its path; their number is limited. */
export function misfits(schema: Schema, value: Json, most = 8): string[] {
  const found: string[] = [];
  const walk = (schema: Schema, value: Json, path: string): void => {
    if (found.length >= most) {
      return;
    }
    const wrong = (rule: string): void => {
      found.push(`${path === "" ? "" : `${path}: `}${rule}, not ${brief(JSON.stringify(value), 40)}`);
    };
    if (schema.kind === "primitive") {
      if (!PRIMITIVES.get(schema.name)?.fits(value)) {
        wrong(`must be ${article(schema.name)} such as ${JSON.stringify(example(schema))}`);
      }
    } else if (schema.kind === "enum") {
      if (!schema.values.some((one) => one.value === value)) {
        wrong(`must be one of ${brief(schema.values.map((one) => JSON.stringify(one.value)).join(", "), 200)}`);
      }
    } else if (schema.kind === "array") {
      if (Array.isArray(value)) {
        value.forEach((element, at) => walk(schema.element, element, `${path}[${at}]`));
      } else {
        wrong("must be an array");
      }
    } else if (schema.kind !== "any" && !isObject(value)) {
      wrong("must be an object");
    } else if (schema.kind !== "any") {
      members(schema, value as JsonObject, path);
    }
  };
  const members = (schema: Schema & { kind: "object" | "map" }, value: JsonObject, path: string): void => {
    const known = schema.kind === "object" ? new Map(schema.fields.map((field) => [field.name, field.schema])) : undefined;
    for (const [name, member] of Object.entries(value)) {
      const at = path === "" ? name : `${path}.${name}`;
      const inner = schema.kind === "map" ? schema.value : known?.get(name);
      if (inner !== undefined) {
        walk(inner, member, at);
      } else if (found.length < most) {
        found.push(`${brief(at, 80)}: the model has no such field`);
      }
    }
  };
  walk(schema, value, "");
  return found;
}

function article(name: string): string {
  return /^(?:[aeio]|unsigned)/.test(name) ? `an ${name}` : `a ${name}`;
}
