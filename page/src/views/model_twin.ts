/** A component's part of a twin, according to the conventions of IoT Plug and Play. */

import type { Component } from "../dtdl_model";
import { isObject, text, type Json, type JsonObject } from "../format";
import { own } from "../schema";

/** The state of a property in a twin. */
export interface Said {
  desired: Json | undefined;
  /** The version of the desired properties that set it. */
  version: number;
  reported: Json | undefined;
  /** The device's acknowledgement of a desired value. */
  answer: { code: number; version: number; description: string } | undefined;
}

function section(twin: Json, name: "desired" | "reported"): Json | undefined {
  return own(own(twin, "properties"), name);
}

/** The reported properties of a component, without the service's own. The default component has the top level. */
export function reportedBy(component: Component, twin: Json): JsonObject {
  const all = section(twin, "reported");
  const found = component.name === undefined ? all : own(all, component.name);
  const members = Object.entries(isObject(found) ? found : {});
  return Object.fromEntries(members.filter(([name]) => !name.startsWith("$") && name !== "__t"));
}

/** Whether a device reports properties of a component without the mark `"__t": "c"`. */
export function lacksMark(component: Component, twin: Json): boolean {
  const found = component.name === undefined ? undefined : own(section(twin, "reported"), component.name);
  return found !== undefined && own(found, "__t") !== "c";
}

export function said(component: Component, property: string, twin: Json): Said {
  const at = (start: Json | undefined): Json | undefined =>
    own(component.name === undefined ? start : own(start, component.name), property);
  const desired = section(twin, "desired");
  const reported = at(section(twin, "reported"));
  const code = own(reported, "ac");
  const isAnswer = typeof code === "number" && isObject(reported) && Object.hasOwn(reported, "value");
  return {
    desired: at(desired),
    version: Number(own(at(own(desired, "$metadata")), "$lastUpdatedVersion") ?? 0),
    reported: isAnswer ? own(reported, "value") : reported,
    answer: isAnswer ? { code, version: Number(own(reported, "av")), description: text(reported, "ad") ?? "" } : undefined,
  };
}

/** A patch of a component's desired properties; `null` removes a property. */
export function patch(component: Component, property: string, value: Json): JsonObject {
  return component.name === undefined ? { [property]: value } : { [component.name]: { __t: "c", [property]: value } };
}

/** A merge patch that sets the new value and removes members that only the old one has. */
export function replacing(old: Json | undefined, value: Json): Json {
  if (!isObject(old) || !isObject(value)) {
    return value;
  }
  const gone = Object.keys(old).filter((name) => !Object.hasOwn(value, name)).map((name) => [name, null]);
  const kept = Object.entries(value).map(([name, member]) => [name, replacing(own(old, name), member)]);
  return Object.fromEntries([...gone, ...kept]) as JsonObject;
}
