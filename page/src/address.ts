/** Addresses of views: what stands behind `#/`. */

import { part } from "./api";

export function href(...parts: string[]): string {
  return `#/${parts.map(part).join("/")}`;
}

/** The parts of the address of now. */
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
