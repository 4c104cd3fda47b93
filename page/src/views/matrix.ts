/** Client groups × topic spaces, with the permission bindings in the cells. */

import type { Verdict } from "../access";
import { button, h, topicChip } from "../dom";
import { text } from "../format";
import { ALL, texts, type Binding, type Resource } from "../management";

/** Widths of columns, in pixels; all but the first share the remaining width. */
const FIRST = 200;
const OTHERS = 170;

/** How many templates a column header shows. */
const MOST_TEMPLATES = 4;

export interface Shown {
  groups: Resource[];
  spaces: Resource[];
  bindings: Binding[];
  verdict: Verdict | undefined;
  change(binding: Binding): void;
  add(group: string, space: string): void;
}

export function matrix(shown: Shown): HTMLElement {
  const heads = shown.spaces.map(({ name, properties }) => {
    const templates = texts(properties["topicTemplates"]);
    const more = templates.length - MOST_TEMPLATES;
    return h("th", { scope: "col" }, name, ...templates.slice(0, MOST_TEMPLATES).map((template) => topicChip(template, "")),
      more > 0 && h("small", {}, `and ${more} more`), missed(shown, name));
  });
  const table = h("table", { "aria-label": "Permissions" },
    h("thead", {}, h("tr", {}, h("td", {}), ...heads)),
    h("tbody", {}, ...shown.groups.map((group) => row(shown, group))));
  table.style.minWidth = `${FIRST + OTHERS * shown.spaces.length}px`;
  return h(
    "div",
    { class: "matrix", tabindex: 0, role: "region", "aria-label": "Permission bindings" },
    table,
  );
}

/** A note that the templates of a topic space were compared and do not match. */
function missed({ verdict }: Shown, space: string): HTMLElement | null {
  return verdict?.spaces.includes(space) ? h("small", { class: "missed" }, "no template matches") : null;
}

function row(shown: Shown, group: Resource): HTMLElement {
  const { verdict, spaces } = shown;
  const isMember = verdict?.groups.includes(group.name) ?? false;
  const query = group.name === ALL ? "every client" : (text(group.properties, "query") ?? "");
  const head = h("th", { scope: "row" }, group.name, h("code", {}, query),
    isMember && h("small", { class: "member" }, `${verdict?.question.client ?? ""} belongs to it`));
  return h("tr", { class: isMember ? "member" : undefined }, head, ...spaces.map(({ name }) => cell(shown, group.name, name)));
}

function cell(shown: Shown, group: string, space: string): HTMLElement {
  const bindings = shown.bindings.filter((each) => each.group === group && each.space === space);
  const granting = bindings.filter((each) => grants(shown, each));
  const add = button("+", () => shown.add(group, space), "add small", {
    id: `add-${group}-${space}`,
    title: "New permission binding",
    "aria-label": `New permission binding for ${group} on ${space}`,
  });
  const isMissed = shown.verdict?.spaces.includes(space) && shown.verdict.groups.includes(group) && bindings.length > 0;
  const kind = granting.length > 0 ? "granting" : isMissed ? "missing" : "";
  return h("td", { class: kind, "data-title": space }, ...bindings.map((each) => chip(shown, each)), add);
}

function grants({ verdict }: Shown, binding: Binding): boolean {
  return verdict?.allowed === true && verdict.by.some((grant) => grant.binding === binding.name);
}

function chip(shown: Shown, binding: Binding): HTMLElement {
  const is = grants(shown, binding);
  const control = button("", () => shown.change(binding), `binding ${binding.permission.toLowerCase()}${is ? " grants" : ""}`, {
    id: `binding-${binding.name}`,
    title: [binding.name, binding.description].filter((part) => part !== "").join(": "),
  });
  control.append(h("span", {}, binding.permission), h("small", {}, binding.name), is ? h("small", { class: "by" }, "allows it") : "");
  return control;
}
