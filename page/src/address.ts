/** Addresses of views: the part after `#/`. */

import { part } from "./api";

export function href(...parts: string[]): string {
  return `#/${parts.map(part).join("/")}`;
}

/** The parts of the current address. */
export function address(): string[] {
  const parts = location.hash.replace(/^#\/?/, "").split("/");
  return parts.filter((part) => part !== "").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
}
