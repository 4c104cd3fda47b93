/** What the service demands of a patch of a twin (IoT Hub docs, "Understand and use device twins": format and size). */

import { isObject, type Json } from "./format";

const LONGEST_NAME = 1024;
const LONGEST_TEXT = 4096;
const DEEPEST = 10;
/** Of the values of a section, in bytes. */
const LARGEST = { desired: 32 << 10, tags: 8 << 10 };
const INTEGERS = [-(2 ** 52), 2 ** 52 - 1] as const;

/** Of a text, in bytes of UTF-8. */
function size(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** What is wrong with a patch, each with its path. The service judges the twin as a whole, so that it may refuse more. */
export function problems(section: keyof typeof LARGEST, patch: Json): string[] {
  if (!isObject(patch)) {
    return ["The patch must be a JSON object."];
  }
  const found: string[] = [];
  let total = 0;
  const walk = (value: Json, path: string, depth: number, inArray: boolean): void => {
    if (typeof value === "object" && value !== null && depth > DEEPEST) {
      found.push(`${path}: more than ${DEEPEST} levels deep`);
    } else if (isObject(value)) {
      for (const [name, member] of Object.entries(value)) {
        const at = path === "" ? name : `${path}.${name}`;
        nameProblem(name, at);
        total += member === null ? 0 : size(name);
        walk(member as Json, at, depth + 1, inArray);
      }
    } else if (Array.isArray(value)) {
      value.forEach((member, index) => walk(member, `${path}[${index}]`, depth + 1, true));
    } else if (typeof value === "string") {
      total += size(value);
      if (size(value) > LONGEST_TEXT) {
        found.push(`${path}: a text has at most ${LONGEST_TEXT} bytes`);
      }
    } else if (typeof value === "number") {
      total += 8;
      if (Number.isInteger(value) && (value < INTEGERS[0] || value > INTEGERS[1])) {
        found.push(`${path}: an integer lies between -2^52 and 2^52`);
      }
    } else if (value === null && inArray) {
      found.push(`${path}: null removes a property, and in an array there is none`);
    }
  };
  const nameProblem = (name: string, at: string): void => {
    if (/[.$#\s\p{Cc}]/u.test(name)) {
      found.push(`${at}: a name has no '.', '$', '#', space or control character`);
    }
    if (size(name) > LONGEST_NAME) {
      found.push(`${at}: a name has at most ${LONGEST_NAME} bytes`);
    }
  };
  walk(patch, "", 0, false);
  if (total > LARGEST[section]) {
    found.push(`${section}: at most ${LARGEST[section] >> 10} KiB`);
  }
  return found;
}

/** A property in both sections, by its path. */
export interface Difference {
  path: string;
  desired: string;
  reported: string;
  state: "same" | "different" | "not reported" | "only reported";
}

/** Desired beside reported: each property that is in either, without the service's own `$…`. */
export function compare(desired: Json, reported: Json): Difference[] {
  const [wanted, said] = [flatten(desired), flatten(reported)];
  const paths = [...new Set([...wanted.keys(), ...said.keys()])].sort();
  return paths.map((path) => {
    const [one, two] = [wanted.get(path), said.get(path)];
    const state =
      one === undefined ? "only reported" : two === undefined ? "not reported" : one === two ? "same" : "different";
    return { path, desired: one ?? "", reported: two ?? "", state };
  });
}

function flatten(section: Json): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (value: Json, path: string): void => {
    const members = isObject(value) ? Object.entries(value).filter(([name]) => !name.startsWith("$")) : [];
    if (members.length === 0) {
      if (path !== "") {
        found.set(path, isObject(value) ? "{}" : JSON.stringify(value));
      }
      return;
    }
    for (const [name, member] of members) {
      walk(member as Json, path === "" ? name : `${path}.${name}`);
    }
  };
  walk(section, "");
  return found;
}
