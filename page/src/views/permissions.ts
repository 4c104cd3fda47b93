/** Who may do what in a namespace: a matrix, and a form for one client and topic. */

import type { Question, Verdict } from "../access";
import { href } from "../address";
import type { Context, View } from "../context";
import { Notice, button, empty, fill, h, select, textInput } from "../dom";
import { ALL, Management, binding, clients, type Binding, type Client, type Resource } from "../management";
import { Poll } from "../poll";
import { matrix } from "./matrix";
import { QuestionForm } from "./question";
import { ResourceForm, textMember } from "./resource_form";

export class Permissions implements View {
  readonly element: HTMLElement;
  #management: Management;
  #notice = new Notice();
  #group = select([]);
  #space = select([]);
  #permission = select(["Publisher", "Subscriber"]);
  #form: ResourceForm;
  #question: QuestionForm;
  #matrix = h("div");
  #groups: Resource[] = [];
  #spaces: Resource[] = [];
  #resources: Resource[] = [];
  #clients: Client[] = [];
  #verdict: Verdict | undefined;
  #poll: Poll;
  #shown = "";

  constructor(
    private readonly context: Context,
    question: Question,
  ) {
    this.#management = new Management(context.api);
    const members = [
      textMember("permission", "Permission", this.#permission),
      textMember("clientGroupName", "Client group", this.#group),
      textMember("topicSpaceName", "Topic space", this.#space),
      textMember("description", "Description", textInput()),
    ];
    this.#form = new ResourceForm(this.#management, "permissionBindings", "permission binding", members, () => void this.#poll.now());
    this.#question = new QuestionForm(
      context,
      (verdict) => this.#answered(verdict),
      (verdict) => this.#form.open(undefined, this.#preset(verdict)),
    );
    this.element = h(
      "div",
      {},
      h("div", { class: "title" }, h("h1", {}, "Permissions"), h("span", { class: "grow" }),
        button("New permission binding", () => this.#form.open(undefined, this.#preset()))),
      this.#question.element,
      this.#form.element,
      this.#notice.element,
      this.#matrix,
      h("p", { class: "muted" }, "A client may do everything that a binding of any of its groups allows. Press a binding to change it, or + to add one."),
    );
    this.#poll = new Poll(() => this.#load());
    queueMicrotask(() => this.#question.set(question));
  }

  leave(): void {
    this.#poll.stop();
  }

  async #load(): Promise<void> {
    try {
      [this.#groups, this.#spaces, this.#resources, this.#clients] = await Promise.all([
        this.#management.list("clientGroups"),
        this.#management.list("topicSpaces"),
        this.#management.list("permissionBindings"),
        clients(this.context.api),
      ]);
      this.#notice.clear();
      this.#question.suggest(this.#clients.map(({ name }) => name));
      this.#choices();
      this.#show();
      await this.#question.again();
    } catch (error) {
      this.#notice.bad(error);
    }
  }

  #answered(verdict: Verdict | undefined): void {
    this.#verdict = verdict;
    if (verdict) {
      const { client, action, topic } = verdict.question;
      // So that a reload or a copied address asks the same question.
      history.replaceState(null, "", href("permissions", client, action, topic));
    }
    this.#show();
  }

  /** The groups and topic spaces that a binding may name. */
  #choices(): void {
    for (const [control, all] of [[this.#group, this.#groups], [this.#space, this.#spaces]] as const) {
      const names = all.map(({ name }) => name);
      if (names.join() !== [...control.options].map(({ value }) => value).join()) {
        const chosen = control.value;
        fill(control, ...names.map((name) => h("option", { value: name }, name)));
        control.value = names.includes(chosen) ? chosen : (names[0] ?? "");
      }
    }
  }

  /** The values of a new binding that allows the denied action, if its topic space is the right one. */
  #preset(verdict?: Verdict): Record<string, string> {
    return {
      permission: verdict?.question.action === "subscribe" ? "Subscriber" : "Publisher",
      clientGroupName: verdict?.groups.find((name) => name !== ALL) ?? ALL,
      topicSpaceName: this.#spaces[0]?.name ?? "",
    };
  }

  #show(): void {
    const bindings = this.#resources.map(binding);
    const key = JSON.stringify([this.#groups, this.#spaces, bindings, this.#verdict]);
    if (key === this.#shown) {
      return;
    }
    this.#shown = key;
    const had = document.activeElement?.id;
    const none = empty("No topic spaces", h("p", {}, "Clients cannot publish or subscribe yet. ", h("a", { href: "#/spaces" }, "Create a topic space"), " first."));
    const shown = {
      groups: this.#groups,
      spaces: this.#spaces,
      bindings,
      verdict: this.#verdict,
      change: (chosen: Binding) => this.#form.open(this.#resources.find(({ name }) => name === chosen.name)),
      add: (clientGroupName: string, topicSpaceName: string) => this.#form.open(undefined, { permission: "Publisher", clientGroupName, topicSpaceName }),
    };
    fill(this.#matrix, h("div", { class: "panel flush" }, this.#spaces.length === 0 ? none : matrix(shown)));
    if (had) {
      document.getElementById(had)?.focus();
    }
  }
}
