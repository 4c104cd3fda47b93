/** The topic spaces of a namespace: their templates, and the permission bindings that use them. */

import type { Context, View } from "../context";
import { Notice, button, empty, fill, h, topicChip } from "../dom";
import { text } from "../format";
import { Management, binding, texts, type Binding, type Resource } from "../management";
import { Poll } from "../poll";
import { bindingLinks, facts } from "./client_groups";
import { ResourceForm, textInput, textMember, type Member } from "./resource_form";

export class TopicSpaces implements View {
  readonly element: HTMLElement;
  #management: Management;
  #notice = new Notice();
  #list = h("div");
  #form: ResourceForm;
  #poll: Poll;
  #shown = "";

  constructor(context: Context) {
    this.#management = new Management(context.api);
    const templates: Member = {
      label: "Topic templates",
      hint: "One per line, at most 10: topic filters; ${client.authenticationName} and ${client.attributes.KEY} stand for values of the client",
      control: h("textarea", { rows: 3, class: "code", spellcheck: "false", required: true, placeholder: "pumps/${client.authenticationName}/#" }),
      wide: true,
      show: (properties) => texts(properties["topicTemplates"]).join("\n"),
      read: (written) => ({ topicTemplates: written.split("\n").map((line) => line.trim()).filter((line) => line !== "") }),
    };
    const members = [templates, textMember("description", "Description", textInput())];
    this.#form = new ResourceForm(this.#management, "topicSpaces", "topic space", members, () => void this.#poll.now());
    this.element = h(
      "div",
      {},
      h("div", { class: "title" }, h("h1", {}, "Topic spaces"), h("span", { class: "grow" }),
        button("New topic space", () => this.#form.open(), "primary")),
      this.#form.element,
      this.#notice.element,
      this.#list,
    );
    this.#poll = new Poll(() => this.#load());
  }

  leave(): void {
    this.#poll.stop();
  }

  async #load(): Promise<void> {
    try {
      const [spaces, bindings] = await Promise.all([
        this.#management.list("topicSpaces"),
        this.#management.list("permissionBindings"),
      ]);
      this.#notice.clear();
      const key = JSON.stringify([spaces, bindings]);
      if (key !== this.#shown) {
        this.#shown = key;
        const none = empty("No topic spaces", h("p", {}, "Create one: its templates determine which topics clients may use."));
        fill(this.#list, ...(spaces.length === 0 ? [none] : spaces.map((space) => this.#space(space, bindings.map(binding)))));
      }
    } catch (error) {
      this.#notice.bad(error);
    }
  }

  #space(space: Resource, bindings: Binding[]): HTMLElement {
    const { name, properties } = space;
    return h(
      "section",
      { class: "panel resource" },
      h("div", { class: "panel-head" }, h("h2", {}, name), h("span", { class: "muted" }, text(properties, "description") ?? ""),
        h("span", { class: "grow" }), button("Change", () => this.#form.open(space), "small", { "aria-label": `Change ${name}` })),
      h("ul", { class: "plain chips" }, ...texts(properties["topicTemplates"]).map((template) => h("li", {}, topicChip(template)))),
      facts([["Used by", bindingLinks(bindings.filter((each) => each.space === name), (each) => `${each.permission}: ${each.group}`)]]),
    );
  }
}
