/** The client groups of a namespace: their queries, who belongs to them, and the permission bindings that use them. */

import { href } from "../address";
import type { Context, View } from "../context";
import { Notice, button, fill, h } from "../dom";
import { count, text } from "../format";
import { ALL, Management, binding, clients, type Binding, type Client, type Resource } from "../management";
import { Poll } from "../poll";
import { ResourceForm, textInput, textMember } from "./resource_form";

/** How many members are named. */
const MOST_NAMES = 12;

export class ClientGroups implements View {
  readonly element: HTMLElement;
  #management: Management;
  #notice = new Notice();
  #list = h("div");
  #form: ResourceForm;
  #poll: Poll;
  #shown = "";

  constructor(private readonly context: Context) {
    this.#management = new Management(context.api);
    const query = h("textarea", { rows: 2, class: "code", spellcheck: "false", required: true, placeholder: "attributes.kind = 'pump' and attributes.floor >= 3" });
    const members = [
      { ...textMember("query", "Query", query, "=, !=, <, >, <=, >=, IN […], and, or, parentheses; attributes.KEY or authenticationName"), wide: true },
      textMember("description", "Description", textInput()),
    ];
    this.#form = new ResourceForm(this.#management, "clientGroups", "client group", members, () => void this.#poll.now());
    this.element = h(
      "div",
      {},
      h("div", { class: "title" }, h("h1", {}, "Client groups"), h("span", { class: "grow" }),
        button("New client group", () => this.#form.open(), "primary")),
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
      const [groups, bindings, all] = await Promise.all([
        this.#management.list("clientGroups"),
        this.#management.list("permissionBindings"),
        clients(this.context.api),
      ]);
      this.#notice.clear();
      const members = groups.map(({ name }) => all.filter((client) => client.groups.includes(name)));
      const named = members.map((each) => [each.length, each.slice(0, MOST_NAMES).map(({ name }) => name)]);
      const key = JSON.stringify([groups, bindings, named]);
      if (key !== this.#shown) {
        this.#shown = key;
        fill(this.#list, ...groups.map((group, at) => this.#group(group, bindings.map(binding), members[at] ?? [])));
      }
    } catch (error) {
      this.#notice.bad(error);
    }
  }

  #group(group: Resource, bindings: Binding[], members: Client[]): HTMLElement {
    const { name, properties } = group;
    const query = text(properties, "query");
    const mine = bindings.filter((each) => each.group === name);
    return h(
      "section",
      { class: "panel resource" },
      h("div", { class: "panel-head" }, h("h2", {}, name), h("span", { class: "muted" }, name === ALL ? "" : (text(properties, "description") ?? "")),
        h("span", { class: "grow" }),
        name !== ALL && button("Change", () => this.#form.open(group), "small", { "aria-label": `Change ${name}` })),
      query === undefined ? h("p", {}, "This group is built in. Every client belongs to it.") : h("pre", {}, query),
      facts([
        ["Members", memberLinks(members)],
        ["May", bindingLinks(mine, (each) => `${each.permission === "Publisher" ? "publish" : "subscribe"} to ${each.space}`)],
      ]),
    );
  }
}

/** Titles with their contents. */
export function facts(pairs: [string, HTMLElement][]): HTMLElement {
  return h("dl", { class: "facts" }, ...pairs.map(([title, value]) => h("div", { class: "fact" }, h("dt", {}, title), h("dd", {}, value))));
}

function memberLinks(members: Client[]): HTMLElement {
  if (members.length === 0) {
    return h("span", { class: "muted" }, "No members. Compare the query with the attributes of the clients; strings must match exactly.");
  }
  const links = members.slice(0, MOST_NAMES).flatMap(({ name }, at) => [at > 0 && ", ", h("a", { href: href("clients", name) }, name)]);
  const more = members.length - MOST_NAMES;
  return h("span", {}, `${count(members.length)}: `, ...links, more > 0 && ` and ${count(more)} more`);
}

/** Bindings, each with its description. */
export function bindingLinks(bindings: Binding[], said: (binding: Binding) => string): HTMLElement {
  if (bindings.length === 0) {
    return h("span", { class: "muted" }, "Nothing: no permission binding uses it. ", h("a", { href: "#/permissions" }, "Add one"));
  }
  return h("ul", { class: "plain" }, ...bindings.map((each) => h("li", {}, said(each), " ", h("small", {}, `by ${each.name}`))));
}
