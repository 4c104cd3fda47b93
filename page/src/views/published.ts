/** Messages that clients publish, as they arrive, by topic filter and by client. */

import { href } from "../address";
import type { Context, View } from "../context";
import { field, h } from "../dom";
import { brief, text } from "../format";
import { isWide, matcher, problem } from "../mqtt_topic";
import type { Entry } from "../stream";
import { LiveMessages, TIME, body, type Shown } from "./live";

export class Published implements View {
  readonly element: HTMLElement;
  #filter = h("input", { type: "text", placeholder: "#", spellcheck: "false", autocomplete: "off", class: "code" });
  #client = h("input", { type: "search", placeholder: "All clients", spellcheck: "false", autocomplete: "off" });
  #problem = h("p", { class: "problems", role: "status" });
  #live: LiveMessages;
  #matches: (topic: string) => boolean = () => true;
  #wide = true;

  constructor(context: Context, filter: string, client: string) {
    this.#filter.value = filter === "#" ? "" : filter;
    this.#client.value = client;
    this.#read();
    const shown: Shown = {
      columns: [
        TIME,
        { title: "Topic", text: (message) => brief(topicOf(message)), className: "code topic" },
        { title: "Body", text: (message) => brief(body(message)), className: "code grow" },
        { title: "Client", text: (message) => brief(text(message, "client") ?? "–", 40), className: "client" },
        { title: "Sent", text: how, className: "muted how" },
      ],
      hint: "They appear here as soon as a client publishes to a topic that matches this filter.",
      wanted: (message) => this.#wanted(message),
      source: (message) => (this.#wide ? brief(topicOf(message), 60) : ""),
    };
    this.#live = new LiveMessages(context, shown);
    for (const input of [this.#filter, this.#client]) {
      input.addEventListener("input", () => this.#again());
    }
    this.element = h(
      "div",
      {},
      h("div", { class: "title" }, h("h1", {}, "Messages")),
      h("div", { class: "toolbar" },
        field("Topic filter", this.#filter, "+ matches one level, # all remaining levels"), field("Client", this.#client)),
      this.#problem,
      this.#live.element,
    );
  }

  leave(): void {
    this.#live.leave();
  }

  recolour(): void {
    this.#live.recolour();
  }

  draw(): void {
    this.#live.draw();
  }

  #read(): void {
    const filter = this.#filter.value || "#";
    const wrong = problem(filter);
    this.#filter.setAttribute("aria-invalid", String(wrong !== ""));
    this.#problem.textContent = wrong;
    this.#wide = isWide(filter);
    // An invalid filter matches nothing, as no message would be delivered for it.
    this.#matches = wrong === "" ? matcher(filter) : () => false;
  }

  #again(): void {
    this.#read();
    const client = this.#client.value.trim();
    const parts = [this.#filter.value || "#", client].filter((part) => part !== "");
    history.replaceState(null, "", href("messages", ...parts));
    this.#live.restart();
  }

  #wanted(message: Entry): boolean {
    const client = this.#client.value.trim().toLowerCase();
    return this.#matches(topicOf(message)) && (client === "" || (text(message, "client") ?? "").toLowerCase().includes(client));
  }
}

function topicOf(message: Entry): string {
  return text(message, "topic") ?? "";
}

function how(message: Entry): string {
  return `QoS ${String(message["qos"])}${message["retain"] === true ? ", retained" : ""}`;
}
