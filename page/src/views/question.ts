/** "May this client publish or subscribe to that topic?", and the answer in words. */

import { Refused } from "../api";
import { ask, type Grant, type Question, type Verdict } from "../access";
import type { Context } from "../context";
import { Notice, button, field, fill, h, textInput, topicChip } from "../dom";
import { sentence } from "../format";

/** How many clients the form suggests. */
const MOST_SUGGESTED = 500;

/** How many bindings of an answer are listed in words. */
const MOST_REASONS = 5;

export class QuestionForm {
  readonly element: HTMLElement;
  #client = textInput({ required: true, list: "known-clients", placeholder: "Authentication name" });
  #known = h("datalist", { id: "known-clients" });
  #action = h("select", {}, h("option", { value: "publish" }, "publish to"), h("option", { value: "subscribe" }, "subscribe to"));
  #topic = textInput({ required: true, class: "code" });
  #answer = h("div", { class: "answer", role: "status" });
  #notice = new Notice();
  #last = "";
  #suggested = "";
  #isAsked = false;

  constructor(
    private readonly context: Context,
    private readonly answered: (verdict: Verdict | undefined) => void,
    private readonly grant: (verdict: Verdict) => void,
  ) {
    this.element = h(
      "form",
      { class: "panel question", onsubmit: (event: Event) => (event.preventDefault(), (this.#isAsked = true), void this.again()) },
      h("div", { class: "row" }, field("May client", this.#client), field("Action", this.#action),
        field("Topic", this.#topic), h("button", { type: "submit", class: "primary" }, "Ask")),
      this.#known,
      this.#notice.element,
      this.#answer,
    );
    this.#action.addEventListener("change", () => this.#word());
    // The question has changed, so the old answer no longer applies.
    for (const control of [this.#client, this.#action, this.#topic]) {
      control.addEventListener("input", () => this.#forget());
    }
    this.#word();
  }

  get question(): Question {
    return { client: this.#client.value, action: this.#action.value, topic: this.#topic.value };
  }

  /** Fills in the form, and asks if the question is complete. */
  set({ client, action, topic }: Question): void {
    this.#client.value = client;
    this.#action.value = action === "subscribe" ? "subscribe" : "publish";
    this.#topic.value = topic;
    this.#word();
    if (client !== "" && topic !== "") {
      this.#isAsked = true;
      void this.again();
    } else if (client !== "") {
      this.#topic.focus();
    }
  }

  suggest(names: string[]): void {
    const shown = names.slice(0, MOST_SUGGESTED);
    const key = shown.join("\n");
    if (key !== this.#suggested) {
      this.#suggested = key;
      fill(this.#known, ...shown.map((name) => h("option", { value: name })));
    }
  }

  /** Asks again, if a question was asked: the resources may have changed. */
  async again(): Promise<void> {
    const question = this.question;
    if (!this.#isAsked) {
      return;
    }
    // Another question, or another view, may have taken the place of this one before the answer arrives.
    const isCurrent = (): boolean => this.#isAsked && this.element.isConnected && JSON.stringify(question) === JSON.stringify(this.question);
    try {
      const verdict = await ask(this.context.api, question);
      if (isCurrent()) {
        this.#notice.clear();
        this.#show(verdict);
      }
    } catch (error) {
      if (isCurrent()) {
        // A question that the service did not answer is asked again.
        if (error instanceof Refused) {
          this.#forget();
        }
        this.#notice.bad(error);
      }
    }
  }

  #word(): void {
    this.#topic.placeholder = this.#action.value === "publish" ? "rooms/attic/temperature" : "rooms/+/temperature";
  }

  #forget(): void {
    this.#isAsked = false;
    this.#last = "";
    this.#notice.clear();
    fill(this.#answer);
    this.answered(undefined);
  }

  #show(verdict: Verdict): void {
    const key = JSON.stringify(verdict);
    if (key === this.#last) {
      return;
    }
    this.#last = key;
    const { question, allowed, groups } = verdict;
    const said = h("p", { class: "said" }, h("span", { class: allowed ? "tag good" : "tag bad" }, allowed ? "Allowed" : "Denied"), " ",
      h("strong", {}, question.client), ` may ${allowed ? "" : "not "}${question.action} to `, topicChip(question.topic));
    const because = allowed ? h("ul", { class: "plain" }, ...reasons(verdict.by)) : this.#denied(verdict);
    const belongs = groups.length === 0 ? null : h("p", { class: "muted" }, `Client groups of ${question.client}: ${groups.join(", ")}`);
    fill(this.#answer, said, because, belongs);
    this.answered(verdict);
  }

  #denied(verdict: Verdict): HTMLElement {
    return h(
      "div",
      {},
      h("p", {}, sentence(verdict.reason)),
      verdict.advice !== "" && h("p", { class: "do" }, h("strong", {}, "What to do: "), verdict.advice),
      verdict.spaces.length > 0 && h("p", {}, "Topic spaces without a match: ", ...verdict.spaces.flatMap((name, at) => [at > 0 && ", ", h("a", { href: "#/spaces" }, name)])),
      h("p", {}, button("New permission binding for this", () => this.grant(verdict), "small")),
    );
  }
}

function reasons(by: Grant[]): HTMLElement[] {
  const more = by.length - MOST_REASONS;
  const rest = more > 0 ? [h("li", { class: "muted" }, `and ${more} more, marked below`)] : [];
  return [...by.slice(0, MOST_REASONS).map(reason), ...rest];
}

/** What allows the action, in a sentence. */
function reason({ binding, group, role, space, template }: Grant): HTMLElement {
  const what = role === "" ? ["Binding ", h("strong", {}, binding), " of client group ", h("strong", {}, group)] : ["Role ", h("strong", {}, role)];
  return h("li", {}, ...what, " on topic space ", h("strong", {}, space), ", by template ", topicChip(template));
}
