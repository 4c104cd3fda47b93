/** Attributes of a client, as entered in a form. */

import { isObject, type JsonObject } from "./format";

/** Reads JSON; an empty text means no attributes. */
export function readAttributes(written: string): JsonObject {
  if (written.trim() === "") {
    return {};
  }
  let value: unknown;
  try {
    value = JSON.parse(written);
  } catch {
    throw new Error('The attributes are not JSON. Write an object, such as {"kind": "pump", "floor": 3}.');
  }
  if (!isObject(value)) {
    throw new Error('The attributes are not an object. Write one in braces, such as {"kind": "pump", "floor": 3}.');
  }
  return value;
}
