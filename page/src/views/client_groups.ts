/** The client groups of a namespace: their queries, who belongs to them, and the permission bindings that use them. */

import { href } from "../address";
import type { Context, View } from "../context";
import { h, textInput } from "../dom";
import { count, text } from "../format";
import { ALL, Management, binding, clients, type Binding, type Client, type Resource } from "../management";
import { textMember } from "./resource_form";
import { ResourceList, bindingLinks, facts } from "./resource_list";

/** How many members are named. */
const MOST_NAMES = 12;

export function clientGroups(context: Context): View {
  const management = new Management(context.api);
  const query = h("textarea", { rows: 2, class: "code", spellcheck: "false", required: true, placeholder: "attributes.kind = 'pump' and attributes.floor >= 3" });
  const members = [
    { ...textMember("query", "Query", query, "=, !=, <, >, <=, >=, IN […], and, or, parentheses; attributes.KEY or authenticationName"), wide: true },
    textMember("description", "Description", textInput()),
  ];
  return new ResourceList(management, "clientGroups", { title: "Client groups", word: "client group" }, members, async (list) => {
    const [groups, bindings, all] = await Promise.all([
      management.list("clientGroups"),
      management.list("permissionBindings"),
      clients(context.api),
    ]);
    const belonging = groups.map(({ name }) => all.filter((client) => client.groups.includes(name)));
    const named = belonging.map((each) => [each.length, each.slice(0, MOST_NAMES).map(({ name }) => name)]);
    return {
      content: [groups, bindings, named],
      draw: () => groups.map((each, at) => group(list, each, bindings.map(binding), belonging[at] ?? [])),
    };
  });
}

function group(list: ResourceList, resource: Resource, bindings: Binding[], members: Client[]): HTMLElement {
  const { name, properties } = resource;
  const query = text(properties, "query");
  const mine = bindings.filter((each) => each.group === name);
  return list.panel(
    resource,
    name === ALL,
    query === undefined ? h("p", {}, "This group is built in. Every client belongs to it.") : h("pre", {}, query),
    facts([
      ["Members", memberLinks(members)],
      ["May", bindingLinks(mine, (each) => `${each.permission === "Publisher" ? "publish" : "subscribe"} to ${each.space}`)],
    ]),
  );
}

function memberLinks(members: Client[]): HTMLElement {
  if (members.length === 0) {
    return h("span", { class: "muted" }, "No members. Compare the query with the attributes of the clients; strings must match exactly.");
  }
  const links = members.slice(0, MOST_NAMES).flatMap(({ name }, at) => [at > 0 && ", ", h("a", { href: href("clients", name) }, name)]);
  const more = members.length - MOST_NAMES;
  return h("span", {}, `${count(members.length)}: `, ...links, more > 0 && ` and ${count(more)} more`);
}
