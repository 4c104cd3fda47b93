/** How values are shown. */

/** A time of RFC 3339 as the time of day, with milliseconds. */
export function clock(time: string): string {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) {
    return time;
  }
  const two = (value: number): string => String(value).padStart(2, "0");
  const ms = String(at.getMilliseconds()).padStart(3, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${ms}`;
}

/** How long ago a time was; the service writes the year 1 for never. */
export function ago(time: unknown, now = Date.now()): string {
  if (typeof time !== "string" || time.startsWith("0001-")) {
    return "never";
  }
  const seconds = Math.max(0, Math.round((now - Date.parse(time)) / 1000));
  if (Number.isNaN(seconds)) {
    return "never";
  }
  if (seconds < 60) {
    return `${seconds} s ago`;
  }
  if (seconds < 3600) {
    return `${Math.floor(seconds / 60)} min ago`;
  }
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86_400)} d ago`;
}

/** Milliseconds from one time of RFC 3339 to another. `Date` reads milliseconds; the three digits after them are microseconds. */
export function between(from: string, to: string): number {
  const behind = (time: string): number => Number(/\.\d{3}(\d{3})/.exec(time)?.[1] ?? 0);
  return Date.parse(to) - Date.parse(from) + (behind(to) - behind(from)) / 1000;
}

/** A duration, given in milliseconds, with three digits. */
export function span(ms: number): string {
  return ms < 1000 ? `${Number(ms.toPrecision(3))} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/** A count, with separators. */
export function count(value: number): string {
  return value.toLocaleString("en");
}

/** A text with a capital letter first. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A reason as a sentence. */
export function sentence(text: string): string {
  return /[.!?]$/.test(text) || text === "" ? capital(text) : `${capital(text)}.`;
}

/** The start of a text. */
export function brief(text: string, most = 160): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A member of an object that is a text. */
export function text(value: unknown, name: string): string | undefined {
  const member = isObject(value) ? value[name] : undefined;
  return typeof member === "string" ? member : undefined;
}

/** JSON on several lines. */
export function pretty(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? "";
}
