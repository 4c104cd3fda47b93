/** The commands of a component: direct methods whose payloads the model describes. */

import type { Context, Target } from "../context";
import { fill, h, field, panel } from "../dom";
import type { Command, Component } from "../dtdl_model";
import { isObject, pretty, span, type Json } from "../format";
import { describe, misfits } from "../schema";
import { SchemaForm } from "../schema_form";
import { pathOf } from "./target";

export class Commands {
  readonly element: HTMLElement;
  #response = h("input", { type: "number", min: 5, max: 300, value: 30, required: true });
  #connect = h("input", { type: "number", min: 0, max: 300, value: 0, required: true });

  constructor(
    private readonly context: Context,
    private readonly target: Target,
    private readonly component: Component,
  ) {
    const timeouts = h("details", {}, h("summary", {}, "Time-outs"), h("div", { class: "row" },
      field("Response time-out", this.#response, "5 to 300 s"),
      field("Connect time-out", this.#connect, "0 to 300 s")));
    this.element = panel("Commands", timeouts, ...component.commands.map((command) => this.#command(command)));
    this.element.hidden = component.commands.length === 0;
  }

  #command(command: Command): HTMLElement {
    const { request, response } = command;
    const method = this.component.name === undefined ? command.name : `${this.component.name}*${command.name}`;
    const call = h("button", { type: "submit", class: "primary", "aria-label": `Call ${method}` }, "Call");
    const result = h("div", { class: "result", role: "status" });
    const send = async (payload: Json | undefined): Promise<void> => {
      call.disabled = true;
      await this.#call(method, payload, command, result);
      call.disabled = false;
    };
    let form: HTMLFormElement;
    if (request) {
      const filled = new SchemaForm(request.title || request.name || "Request", request, request.schema, (value) => void send(value));
      filled.buttons.append(call);
      form = filled.element;
    } else {
      form = h("form", { onsubmit: (event: Event) => (event.preventDefault(), void send(undefined)) }, h("div", { class: "row" }, call));
    }
    const answers = response ? `answers ${response.name}: ${describe(response.schema)}${response.unit && ` · ${response.unit}`}` : "";
    return h(
      "article",
      { class: "call model-item" },
      h("header", {}, h("strong", {}, command.title || command.name), h("code", { class: "muted" }, method), h("span", { class: "grow" }),
        h("small", {}, answers)),
      command.description !== "" && h("p", { class: "muted" }, command.description),
      form,
      result,
    );
  }

  async #call(method: string, payload: Json | undefined, { response }: Command, result: HTMLElement): Promise<void> {
    const body: { [name: string]: Json } = {
      methodName: method,
      responseTimeoutInSeconds: this.#response.valueAsNumber,
      connectTimeoutInSeconds: this.#connect.valueAsNumber,
    };
    if (payload !== undefined) {
      body["payload"] = payload;
    }
    const from = performance.now();
    let [status, good, answer, found]: [string, boolean, string, string[]] = ["failed", false, "", []];
    try {
      const { body: answered } = await this.context.api.send("POST", pathOf("twins", this.target, "methods"), { body });
      const value = isObject(answered) ? (answered["payload"] ?? null) : null;
      const code = isObject(answered) ? Number(answered["status"]) : NaN;
      [status, good, answer] = [String(code), code < 300, pretty(value)];
      // The model describes only successful answers.
      found = good && response ? misfits(response.schema, value) : [];
    } catch (error) {
      answer = error instanceof Error ? error.message : String(error);
    }
    fill(
      result,
      h("p", {}, h("span", { class: good ? "tag good" : "tag bad" }, status), " ", h("span", { class: "muted" }, span(performance.now() - from))),
      h("pre", { class: "json", tabindex: 0, "aria-label": `Answer of ${method}` }, answer),
      h("ul", { class: "problems" }, ...found.map((problem) => h("li", {}, `The answer does not fit: ${problem}`))),
    );
  }
}
