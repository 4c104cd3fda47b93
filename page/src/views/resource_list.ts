/** The resources of one kind: read again and again, drawn when they have changed, with a form that creates and changes them. */

import type { View } from "../context";
import { Notice, button, fill, h, type Child } from "../dom";
import { text } from "../format";
import type { Binding, Kind, Management, Resource } from "../management";
import { Poll } from "../poll";
import { ResourceForm, type Member } from "./resource_form";

/** What is read, and how it is drawn. */
export interface Reading {
  /** All that the drawing shows: an equal one is not drawn again. */
  content: unknown;
  draw(): HTMLElement[];
}

export class ResourceList implements View {
  readonly element: HTMLElement;
  #notice = new Notice();
  #list = h("div");
  #form: ResourceForm;
  #poll: Poll;
  #shown = "";

  /** `word` is one of the resources in text, `title` all of them. */
  constructor(
    management: Management,
    kind: Kind,
    { title, word }: { title: string; word: string },
    members: Member[],
    private readonly read: (list: ResourceList) => Promise<Reading>,
  ) {
    this.#form = new ResourceForm(management, kind, word, members, () => void this.#poll.now());
    this.element = h(
      "div",
      {},
      h("div", { class: "title" }, h("h1", {}, title), h("span", { class: "grow" }),
        button(`New ${word}`, () => this.#form.open(), "primary")),
      this.#form.element,
      this.#notice.element,
      this.#list,
    );
    this.#poll = new Poll(() => this.#load());
  }

  leave(): void {
    this.#poll.stop();
  }

  /** A resource with its description and what follows; one that is built in has no description and is not changed. */
  panel(resource: Resource, isBuiltIn: boolean, ...content: Child[]): HTMLElement {
    const { name, properties } = resource;
    const description = isBuiltIn ? "" : (text(properties, "description") ?? "");
    const change = !isBuiltIn && button("Change", () => this.#form.open(resource), "small", { "aria-label": `Change ${name}` });
    const head = h("div", { class: "panel-head" }, h("h2", {}, name), h("span", { class: "muted" }, description), h("span", { class: "grow" }), change);
    return h("section", { class: "panel resource" }, head, ...content);
  }

  async #load(): Promise<void> {
    try {
      const { content, draw } = await this.read(this);
      this.#notice.clear();
      const key = JSON.stringify(content);
      if (key !== this.#shown) {
        this.#shown = key;
        fill(this.#list, ...draw());
      }
    } catch (error) {
      this.#notice.bad(error);
    }
  }
}

/** Titles with their contents. */
export function facts(pairs: [string, HTMLElement][]): HTMLElement {
  return h("dl", { class: "facts" }, ...pairs.map(([title, value]) => h("div", { class: "fact" }, h("dt", {}, title), h("dd", {}, value))));
}

/** Bindings, each with its description. */
export function bindingLinks(bindings: Binding[], said: (binding: Binding) => string): HTMLElement {
  if (bindings.length === 0) {
    return h("span", { class: "muted" }, "Nothing: no permission binding uses it. ", h("a", { href: "#/permissions" }, "Add one"));
  }
  return h("ul", { class: "plain" }, ...bindings.map((each) => h("li", {}, said(each), " ", h("small", {}, `by ${each.name}`))));
}
