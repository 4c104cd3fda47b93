/** Direct methods: a call with its time-outs, and what came of the calls before. */

import type { Context, Target, View } from "../context";
import { Notice, button, empty, field, fill, h, panel, textInput } from "../dom";
import { clock, isObject, pretty, span, type Json } from "../format";
import { pathOf } from "./target";

/** Calls that are remembered. */
const MOST = 50;

interface Call {
  name: string;
  payload: string;
  began: string;
  took: number;
  status: string;
  good: boolean;
  answer: string;
}

/** The calls of this tab, by target. */
const calls = new Map<string, Call[]>();

export class Methods implements View {
  readonly element: HTMLElement;
  #name = textInput({ required: true, maxlength: 100, value: "reboot" });
  #payload = h("textarea", { rows: 4, class: "code", spellcheck: "false" });
  #response = h("input", { type: "number", min: 5, max: 300, value: 30, required: true });
  #connect = h("input", { type: "number", min: 0, max: 300, value: 0, required: true });
  #notice = new Notice();
  #call = h("button", { type: "submit", class: "primary" }, "Call");
  #history = h("div", { class: "history" });

  constructor(
    private readonly context: Context,
    private readonly target: Target,
  ) {
    this.#payload.value = "null";
    const form = h("form", {
      onsubmit: (event: Event) => {
        event.preventDefault();
        void this.#send();
      },
    });
    form.append(
      h("div", { class: "row" },
        field("Method", this.#name),
        field("Response time-out", this.#response, "5 to 300 s"),
        field("Connect time-out", this.#connect, "0 to 300 s")),
      field("Payload", this.#payload, "JSON, at most 128 KiB"),
      this.#notice.element,
      h("div", { class: "row" }, this.#call),
    );
    this.element = h("div", {}, panel("Call a method", form), panel("Calls", this.#history));
    this.#show();
  }

  get #calls(): Call[] {
    const key = pathOf("twins", this.target);
    const known = calls.get(key) ?? [];
    calls.set(key, known);
    return known;
  }

  async #send(): Promise<void> {
    const name = this.#name.value.trim();
    let payload: Json;
    try {
      payload = JSON.parse(this.#payload.value.trim() || "null") as Json;
    } catch (error) {
      this.#notice.bad(`The payload is not JSON: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    this.#notice.clear();
    this.#call.disabled = true;
    const body: Json = {
      methodName: name,
      payload,
      responseTimeoutInSeconds: this.#response.valueAsNumber,
      connectTimeoutInSeconds: this.#connect.valueAsNumber,
    };
    const call: Call = {
      name,
      payload: this.#payload.value,
      began: new Date().toISOString(),
      took: 0,
      status: "",
      good: true,
      answer: "",
    };
    const from = performance.now();
    try {
      const { body: answer } = await this.context.api.send("POST", pathOf("twins", this.target, "methods"), { body });
      const status = isObject(answer) ? Number(answer["status"]) : NaN;
      call.status = String(status);
      call.good = status < 400;
      call.answer = pretty(isObject(answer) ? (answer["payload"] ?? null) : answer);
    } catch (error) {
      call.status = "failed";
      call.good = false;
      call.answer = error instanceof Error ? error.message : String(error);
    }
    call.took = performance.now() - from;
    this.#call.disabled = false;
    this.#calls.unshift(call);
    this.#calls.splice(MOST);
    this.#show();
  }

  #show(): void {
    const all = this.#calls;
    fill(this.#history, ...(all.length === 0 ? [empty("No calls yet")] : all.map((call) => this.#row(call))));
  }

  #row(call: Call): HTMLElement {
    const again = button("Again", () => {
      this.#name.value = call.name;
      this.#payload.value = call.payload;
      this.#name.focus();
    }, "small");
    return h(
      "article",
      { class: "call" },
      h("header", {},
        h("span", { class: call.good ? "tag good" : "tag bad" }, call.status),
        h("strong", {}, call.name),
        h("span", { class: "muted" }, clock(call.began), " · ", span(call.took)),
        h("span", { class: "grow" }),
        again),
      h("div", { class: "columns two" },
        h("pre", { class: "json", "aria-label": "Payload" }, call.payload),
        h("pre", { class: "json", "aria-label": "Answer" }, call.answer)),
    );
  }
}
