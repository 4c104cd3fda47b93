/** Addresses of a device or module, in the service's API and in the page. */

import { part } from "../api";
import type { Target } from "../context";
import { href } from "../address";

export function pathOf(top: "devices" | "twins", target: Target, ...rest: string[]): string {
  const module = target.module === undefined ? [] : ["modules", part(target.module)];
  return `/${[top, part(target.device), ...module, ...rest].join("/")}`;
}

export function linkTo(target: Target, tab = ""): string {
  const module = target.module === undefined ? [] : ["modules", target.module];
  return href("devices", target.device, ...module, ...(tab === "" ? [] : [tab]));
}
