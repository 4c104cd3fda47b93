/** Requests to the service's REST API. */

import { isObject, text, type Json, type JsonObject } from "./format";
import type { Session } from "./session";

/** The longest answer that is shown, in characters. */
const LONGEST = 32 << 20;

/** What the service answered to a request that it refused. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export interface Answer {
  body: Json;
  headers: Headers;
}

export interface Options {
  body?: Json | undefined;
  /** Sent as it is. */
  raw?: string;
  headers?: Record<string, string>;
  query?: string;
  /** Instead of the page's token, for what a device may do and the page may not. */
  authorization?: string;
}

export class Api {
  constructor(
    private readonly session: Session,
    private readonly version: (path: string) => string,
    private readonly ended: () => void,
  ) {}

  get hostname(): string {
    return this.session.hostname;
  }

  /** The id of the namespace in the management API. */
  get resourceId(): string {
    return this.session.resourceId;
  }

  get authorization(): string {
    return `Bearer ${this.session.token}`;
  }

  /** Sends a request; the answer's body is JSON, or `null`. */
  async send(method: string, path: string, options: Options = {}): Promise<Answer> {
    return this.#read(await this.#request(method, path, options), options);
  }

  /** Sends a request, and waits for the head of the answer. */
  async #request(method: string, path: string, options: Options): Promise<Response> {
    const authorization = options.authorization ?? this.authorization;
    const headers: Record<string, string> = { Authorization: authorization, ...options.headers };
    const body = options.raw ?? (options.body === undefined ? null : JSON.stringify(options.body));
    if (options.body !== undefined) {
      headers["Content-Type"] = "application/json; charset=utf-8";
    }
    const query = `${this.version(path)}${options.query ?? ""}`.replace(/^&/, "");
    const target = query === "" ? path : `${path}?${query}`;
    try {
      return await fetch(target, { method, headers, body, credentials: "omit", cache: "no-store" });
    } catch {
      throw new Error("The service does not answer. Is it still running?");
    }
  }

  async #read(answer: Response, options: Options): Promise<Answer> {
    const content = await answer.text();
    if (!answer.ok) {
      if (answer.status === 401 && options.authorization === undefined) {
        this.ended();
      }
      throw new Refused(answer.status, refusal(answer.status, content));
    }
    if (content.length > LONGEST) {
      throw new Error("The answer is too long to be shown.");
    }
    return { body: content.trim() === "" ? null : (JSON.parse(content) as Json), headers: answer.headers };
  }

  /** The body of an answer to `GET`. */
  async get(path: string, query = ""): Promise<Json> {
    return (await this.send("GET", path, { query })).body;
  }

  /** A page of a query in IoT Hub's language, which is still being read, and what the next one is asked for with. */
  async query(query: string, size: number, continuation = ""): Promise<[Promise<JsonObject[]>, string]> {
    const headers: Record<string, string> = { "x-ms-max-item-count": String(size) };
    if (continuation !== "") {
      headers["x-ms-continuation"] = continuation;
    }
    const options = { body: { query }, headers };
    const answer = await this.#request("POST", "/devices/query", options);
    const body = this.#read(answer, options);
    if (!answer.ok) {
      await body;
    }
    const rows = body.then(({ body: found }) => (Array.isArray(found) ? found.filter(isObject) : []));
    return [rows, answer.headers.get("x-ms-continuation") ?? ""];
  }
}

/** Text for a part of a path. */
export function part(id: string): string {
  return encodeURIComponent(id);
}

/** Reads an error in any of the service's spellings (IoT Hub docs, "Understand and resolve errors"). */
function refusal(status: number, content: string): string {
  let message = content.trim();
  try {
    const body: unknown = JSON.parse(content);
    message = text(body, "Message") ?? text(body, "message") ?? message;
    message = isObject(body) ? (text(body["error"], "message") ?? message) : message;
    const inner: unknown = JSON.parse(message);
    message = text(inner, "message") ?? message;
  } catch {
    // Not JSON, or not in JSON: as it is.
  }
  message = message.replace(/^ErrorCode:\w+;/, "").replace(/\s*Tracking ID:.*$/is, "");
  return message === "" ? `The service answered ${status}.` : `${message} (${status})`;
}
