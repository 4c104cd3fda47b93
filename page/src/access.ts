/** Asks whether a client may do something (`GET /azmqtt/access`). */

import type { Api } from "./api";
import { isObject, text } from "./format";
import { texts } from "./management";

export interface Question {
  client: string;
  /** `publish` or `subscribe`. */
  action: string;
  /** A topic, or a topic filter. */
  topic: string;
}

/** What allows an action: a permission binding, or a role of Entra ID. */
export interface Grant {
  binding: string;
  group: string;
  role: string;
  space: string;
  template: string;
}

export interface Verdict {
  question: Question;
  allowed: boolean;
  groups: string[];
  by: Grant[];
  reason: string;
  advice: string;
  /** The topic spaces whose templates did not match. */
  spaces: string[];
}

export async function ask(api: Api, question: Question): Promise<Verdict> {
  const { client, action, topic } = question;
  const word = action === "subscribe" ? "subscribe" : "publish";
  const found = await api.get("/azmqtt/access", `&client=${encodeURIComponent(client)}&${word}=${encodeURIComponent(topic)}`);
  const by = isObject(found) ? found["by"] : undefined;
  return {
    question,
    allowed: isObject(found) && found["allowed"] === true,
    groups: texts(isObject(found) ? found["groups"] : undefined),
    by: Array.isArray(by) ? by.filter(isObject).map(grant) : [],
    reason: text(found, "reason") ?? "",
    advice: text(found, "advice") ?? "",
    spaces: texts(isObject(found) ? found["topic_spaces"] : undefined),
  };
}

function grant(found: unknown): Grant {
  return {
    binding: text(found, "permission_binding") ?? "",
    group: text(found, "client_group") ?? "",
    role: text(found, "role") ?? "",
    space: text(found, "topic_space") ?? "",
    template: text(found, "topic_template") ?? "",
  };
}
