/** DTDL (v2 to v4) as JSON: interfaces from files, and members that all elements have. The input may be any JSON. */

import { brief, isObject, text, type Json, type JsonObject } from "./format";
import { own, type Named } from "./schema";

const SEGMENT = "[A-Za-z](?:[A-Za-z0-9_]*[A-Za-z0-9])?";
const DTMI = new RegExp(`^dtmi:${SEGMENT}(?::${SEGMENT})*(?:;[1-9][0-9]{0,8}(?:\\.[1-9][0-9]{0,5})?)?$`);
const NAME = new RegExp(`^${SEGMENT}$`);
const LONGEST_ID = 2048;
const LONGEST_NAME = 512;

/** The most levels of JSON in a file. */
const DEEPEST = 64;

export function list(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
}

export function isType(value: JsonObject, name: string): boolean {
  return list(value["@type"]).includes(name);
}

export function isId(value: Json | undefined): value is string {
  return typeof value === "string" && value.length <= LONGEST_ID && DTMI.test(value);
}

export function isName(value: Json | undefined): value is string {
  return typeof value === "string" && value.length <= LONGEST_NAME && NAME.test(value);
}

export function idOf(source: JsonObject): string {
  return isId(source["@id"]) ? source["@id"] : "an interface without an id";
}

export function named(source: JsonObject): Named {
  return {
    name: brief(text(source, "name") ?? "", LONGEST_NAME),
    title: label(source["displayName"]),
    description: label(source["description"]),
    unit: brief(text(source, "unit") ?? text(source, "displayUnit") ?? "", 80),
  };
}

/** A text to display: in English, or in the first language that is present. */
export function label(value: Json | undefined): string {
  const found = isObject(value) ? (own(value, "en") ?? Object.values(value)[0]) : value;
  return typeof found === "string" ? brief(found, 512) : "";
}

/** Without recursion, which could overflow the stack on the very input that this finds. */
function isTooDeep(value: Json): boolean {
  let level: Json[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST) {
      return true;
    }
    level = level.flatMap((one) => (typeof one === "object" && one !== null ? Object.values(one) : []));
  }
  return false;
}

/** The interfaces in a file, which contains one interface or an array of them. */
export function readFile(content: string): { interfaces: [string, JsonObject][]; problems: string[] } {
  let parsed: Json;
  try {
    parsed = JSON.parse(content.replace(/^\ufeff/, "")) as Json;
  } catch (error) {
    return { interfaces: [], problems: [`not JSON: ${error instanceof Error ? error.message : String(error)}`] };
  }
  if (isTooDeep(parsed)) {
    return { interfaces: [], problems: [`more than ${DEEPEST} levels deep`] };
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
