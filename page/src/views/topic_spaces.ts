/** The topic spaces of a namespace: their templates, and the permission bindings that use them. */

import type { Context, View } from "../context";
import { empty, h, textInput, topicChip } from "../dom";
import { Management, binding, texts, type Binding, type Resource } from "../management";
import { textMember, type Member } from "./resource_form";
import { ResourceList, bindingLinks, facts } from "./resource_list";

export function topicSpaces(context: Context): View {
  const management = new Management(context.api);
  const templates: Member = {
    label: "Topic templates",
    hint: "One per line, at most 10: topic filters; ${client.authenticationName} and ${client.attributes.KEY} stand for values of the client",
    control: h("textarea", { rows: 3, class: "code", spellcheck: "false", required: true, placeholder: "pumps/${client.authenticationName}/#" }),
    wide: true,
    show: (properties) => texts(properties["topicTemplates"]).join("\n"),
    read: (written) => ({ topicTemplates: written.split("\n").map((line) => line.trim()).filter((line) => line !== "") }),
  };
  const members = [templates, textMember("description", "Description", textInput())];
  return new ResourceList(management, "topicSpaces", { title: "Topic spaces", word: "topic space" }, members, async (list) => {
    const [spaces, bindings] = await Promise.all([management.list("topicSpaces"), management.list("permissionBindings")]);
    const none = empty("No topic spaces", h("p", {}, "Create one: its templates determine which topics clients may use."));
    return {
      content: [spaces, bindings],
      draw: () => (spaces.length === 0 ? [none] : spaces.map((each) => space(list, each, bindings.map(binding)))),
    };
  });
}

function space(list: ResourceList, resource: Resource, bindings: Binding[]): HTMLElement {
  const mine = bindings.filter((each) => each.space === resource.name);
  return list.panel(
    resource,
    false,
    h("ul", { class: "plain chips" }, ...texts(resource.properties["topicTemplates"]).map((template) => h("li", {}, topicChip(template)))),
    facts([["Used by", bindingLinks(mine, (each) => `${each.permission}: ${each.group}`)]]),
  );
}
