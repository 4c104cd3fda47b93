/** The resources of a namespace, read through its management API, and the clients as the broker knows them. */

import { part, type Api } from "./api";
import { isObject, text, type Json, type JsonObject } from "./format";

export type Kind = "clients" | "clientGroups" | "topicSpaces" | "permissionBindings";

export interface Resource {
  name: string;
  properties: JsonObject;
}

/** The built-in client group of all clients. */
export const ALL = "$all";

/** The most pages of a list to request: 10,000 resources. */
const MOST_PAGES = 100;

/** The most clients to show. */
const MOST_SHOWN = 100_000;

function resource(found: unknown): Resource {
  const properties = isObject(found) && isObject(found["properties"]) ? found["properties"] : {};
  return { name: text(found, "name") ?? "", properties };
}

export class Management {
  constructor(private readonly api: Api) {}

  async list(kind: Kind): Promise<Resource[]> {
    const found: Resource[] = [];
    let token: string | null = null;
    for (let page = 0; page < MOST_PAGES; page++) {
      const query = token === null ? "&$top=100" : `&$top=100&$skiptoken=${encodeURIComponent(token)}`;
      const body = await this.api.get(this.#path(kind), query);
      const value = isObject(body) ? body["value"] : undefined;
      found.push(...(Array.isArray(value) ? value.map(resource) : []));
      const next = text(body, "nextLink");
      token = next === undefined ? null : new URL(next, location.href).searchParams.get("$skiptoken");
      if (token === null) {
        break;
      }
    }
    return found;
  }

  async get(kind: Kind, name: string): Promise<Resource> {
    return resource(await this.api.get(this.#path(kind, name)));
  }

  async put(kind: Kind, name: string, properties: JsonObject): Promise<void> {
    await this.api.send("PUT", this.#path(kind, name), { body: { properties } });
  }

  async remove(kind: Kind, name: string): Promise<void> {
    await this.api.send("DELETE", this.#path(kind, name));
  }

  #path(kind: Kind, name?: string): string {
    return `${this.api.resourceId}/${kind}${name === undefined ? "" : `/${part(name)}`}`;
  }
}

/** A session of a client. */
export interface MqttSession {
  session: string;
  connected: boolean;
  protocol: string;
  subscriptions: string[];
  queued: number | undefined;
}

/** A client: a resource, a session, or both. */
export interface Client {
  /** Its authentication name. */
  name: string;
  resource: string | undefined;
  enabled: boolean;
  groups: string[];
  sessions: MqttSession[];
}

/** The most clients in one answer, and the number of subscriptions after which it ends. */
const MOST_CLIENTS = 10_000;
const MOST_SUBSCRIPTIONS = 50_000;

/** All clients, sorted by name. */
export async function clients(api: Api): Promise<Client[]> {
  const all: Client[] = [];
  for (let page = 0; page < MOST_PAGES && all.length < MOST_SHOWN; page++) {
    const last = all.at(-1);
    const found = await api.get("/azmqtt/clients", last === undefined ? "" : `&after=${encodeURIComponent(last.name)}`);
    const some = Array.isArray(found) ? found.filter(isObject).map(client) : [];
    all.push(...some);
    const subscriptions = some.reduce((sum, { sessions }) => sessions.reduce((own, each) => own + each.subscriptions.length, sum), 0);
    if (some.length === 0 || (some.length < MOST_CLIENTS && subscriptions < MOST_SUBSCRIPTIONS)) {
      break;
    }
  }
  return all;
}

/** One client, by its authentication name. */
export async function clientOf(api: Api, name: string): Promise<Client | undefined> {
  const found = await api.get("/azmqtt/clients", `&client=${encodeURIComponent(name)}`);
  // The service also finds a client by the name of its resource.
  return Array.isArray(found) ? found.filter(isObject).map(client).find((each) => each.name === name) : undefined;
}

function client(found: JsonObject): Client {
  const sessions = found["sessions"];
  return {
    name: text(found, "client") ?? "",
    resource: text(found, "resource"),
    enabled: found["enabled"] !== false,
    groups: texts(found["groups"]),
    sessions: Array.isArray(sessions) ? sessions.filter(isObject).map(session) : [],
  };
}

function session(found: JsonObject): MqttSession {
  const queued = found["queued"];
  return {
    session: text(found, "session") ?? text(found, "client_id") ?? "",
    connected: found["connected"] === true,
    protocol: text(found, "protocol") ?? "",
    subscriptions: texts(found["subscriptions"]),
    queued: typeof queued === "number" ? queued : undefined,
  };
}

/** The strings in an array. */
export function texts(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

export function isConnected(client: Client): boolean {
  return client.sessions.some(({ connected }) => connected);
}

/** The contents of a permission binding. */
export interface Binding {
  name: string;
  group: string;
  space: string;
  permission: string;
  description: string;
}

export function binding({ name, properties }: Resource): Binding {
  return {
    name,
    group: text(properties, "clientGroupName") ?? "",
    space: text(properties, "topicSpaceName") ?? "",
    permission: text(properties, "permission") ?? "",
    description: text(properties, "description") ?? "",
  };
}
