/** The token: from a one-time link, kept by this tab alone. Cookies would be sent by every page of this host. */

import { isObject, text } from "./format";

const KEY = "azmqtt-session";

export interface Session {
  token: string;
  kind: "hub" | "namespace";
  hostname: string;
  /** The resource id of a namespace in the management API; empty for a hub. */
  resourceId: string;
  /** The kinds of entries that its stream may have. */
  records: string[];
}

function read(value: unknown): Session | undefined {
  const [token, hostname, kind] = [text(value, "token"), text(value, "hostname"), text(value, "kind")];
  if (token === undefined || hostname === undefined || (kind !== "hub" && kind !== "namespace")) {
    return undefined;
  }
  // The service and this tab's storage spell it differently.
  const resourceId = text(value, "resource_id") ?? text(value, "resourceId") ?? "";
  const found = isObject(value) ? value["records"] : undefined;
  const records = Array.isArray(found) ? found.filter((each) => typeof each === "string") : [];
  return { token, hostname, kind, resourceId, records };
}

/** The session of this tab, by the link that it was opened with or as it was before; `undefined` without either. */
export async function openSession(): Promise<Session | undefined> {
  const code = /^#open=([0-9a-f]{1,64})$/.exec(location.hash)?.[1];
  if (code !== undefined) {
    // Out of the address and of the history, before anything else is done.
    history.replaceState(null, "", "/");
    const answer = await fetch("/azmqtt/page/session", {
      method: "POST",
      body: JSON.stringify({ code }),
      headers: { "Content-Type": "application/json" },
      credentials: "omit",
    });
    const session = answer.ok ? read(await answer.json()) : undefined;
    if (session) {
      sessionStorage.setItem(KEY, JSON.stringify(session));
      return session;
    }
  }
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    return isObject(kept) ? read(kept) : undefined;
  } catch {
    return undefined;
  }
}

/** Forgets the session: the service does not know it any more. */
export function closeSession(): void {
  sessionStorage.removeItem(KEY);
}
