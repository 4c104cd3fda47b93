/** Switches for what goes wrong on purpose (`/azmqtt/faults`). */

import type { Context, View } from "../context";
import { Notice, button, empty, field, fill, h, panel, select } from "../dom";
import { capital, isObject, type Json, type JsonObject } from "../format";
import type { Switch } from "../service";

const PATH = "/azmqtt/faults";

interface Known {
  id: number;
  rule: JsonObject;
  fired: number;
  over: boolean;
}

export class Faults implements View {
  readonly element: HTMLElement;
  #notice = new Notice();
  #target: HTMLInputElement;
  #switches = h("div", { class: "switches" });
  #list = h("div", { class: "plain-list" });
  #known: Known[] = [];
  #timer: ReturnType<typeof setInterval>;
  #shown = "";

  constructor(private readonly context: Context) {
    const { one } = this.#faults.target;
    this.#target = this.#targetInput();
    this.element = h(
      "div",
      {},
      h("div", { class: "title" }, h("h1", {}, "Faults")),
      this.#notice.element,
      panel("Switches", h("div", { class: "row" }, field(`For ${one}`, this.#target, "Empty for all")), this.#switches),
      this.#form(),
      panel("Faults that are set", this.#list),
    );
    this.#target.addEventListener("input", () => this.#show());
    this.#timer = setInterval(() => void this.#load(), 2000);
    void this.#load();
  }

  leave(): void {
    clearInterval(this.#timer);
  }

  async #load(): Promise<void> {
    try {
      const found = await this.context.api.get(PATH);
      const all = Array.isArray(found) ? found.filter(isObject) : [];
      this.#known = all.map((entry) => ({
        id: Number(entry["id"]),
        rule: isObject(entry["rule"]) ? entry["rule"] : {},
        fired: Number(entry["fired"]),
        over: entry["over"] === true,
      }));
      this.#show();
    } catch (error) {
      this.#notice.bad(error);
    }
  }

  get #faults(): Context["service"]["faults"] {
    return this.context.service.faults;
  }

  #targetInput(): HTMLInputElement {
    return h("input", { type: "text", placeholder: this.#faults.target.all, spellcheck: "false", autocomplete: "off" });
  }

  /** The member of a rule that names the device or client that it affects. */
  #whose(input: HTMLInputElement): JsonObject {
    const name = input.value.trim();
    return name === "" ? {} : { [this.#faults.target.member]: name };
  }

  /** The set fault that a switch stands for, for the device that is named. */
  #of(rule: JsonObject): Known | undefined {
    const { member } = this.#faults.target;
    const wanted: JsonObject = { ...rule, ...this.#whose(this.#target) };
    return this.#known.find(
      (known) =>
        !known.over &&
        known.rule[member] === wanted[member] &&
        Object.entries(wanted).every(([name, value]) => known.rule[name] === value),
    );
  }

  #show(): void {
    const key = JSON.stringify([this.#known, this.#target.value]);
    if (key === this.#shown) {
      return;
    }
    this.#shown = key;
    const had = document.activeElement?.id;
    fill(this.#switches, ...this.#faults.switches.map((each, at) => this.#switch(each, `switch-${at}`)));
    const active = this.#known.filter(({ over }) => !over);
    const rows = this.#known.map((known) => this.#row(known)).reverse();
    const clear = button("Remove all", () => void this.#send("DELETE", PATH));
    fill(this.#list, ...(rows.length === 0 ? [empty("None")] : rows), active.length > 0 && h("div", { class: "row" }, clear));
    if (had) {
      document.getElementById(had)?.focus();
    }
  }

  #switch({ title, hint, rule }: Switch, id: string): HTMLElement {
    const known = this.#of(rule);
    const box = h("input", { type: "checkbox", role: "switch", id, checked: known !== undefined });
    box.addEventListener("change", () => {
      void (known ? this.#send("DELETE", `${PATH}/${known.id}`) : this.#send("POST", PATH, { ...rule, ...this.#whose(this.#target) }));
    });
    return h("label", { class: "switch", for: id }, box, h("span", {}, h("strong", {}, title), h("small", {}, hint)));
  }

  #row(known: Known): HTMLElement {
    const { fault, on, ...rest } = known.rule;
    const told = Object.entries(rest).filter(([, value]) => value !== null);
    const detail = told.map(([name, value]) => `${name} ${String(value)}`).join(", ");
    const title = `${String(fault)}${on === undefined || on === "now" ? "" : ` on ${String(on)}`}`;
    return h(
      "div",
      { class: known.over ? "list-row static over" : "list-row static" },
      h("span", {}, h("strong", {}, title), " ", h("span", { class: "muted" }, detail)),
      h("span", {}, known.fired === 1 ? "struck once" : `struck ${known.fired} times`),
      known.over ? h("span", { class: "muted" }, "over") : button("Remove", () => void this.#send("DELETE", `${PATH}/${known.id}`), "small"),
    );
  }

  #form(): HTMLElement {
    const { moments, target, status: statusOf, statusLabel } = this.#faults;
    const fault = select(Object.keys(moments));
    const on = select(moments["drop"] ?? []);
    const whose = this.#targetInput();
    const amount = (): HTMLInputElement => h("input", { type: "number", min: 0, step: "any" });
    const [count, lasting, seconds, status] = [amount(), amount(), amount(), amount()];
    fault.addEventListener("change", () => {
      fill(on, ...(moments[fault.value] ?? []).map((moment) => h("option", { value: moment }, moment)));
    });
    const form = h("form", {
      onsubmit: (event: Event) => {
        event.preventDefault();
        const rule: JsonObject = { fault: fault.value, on: on.value, ...this.#whose(whose) };
        const set = (name: string, input: HTMLInputElement): void => {
          if (input.value !== "") {
            rule[name] = input.valueAsNumber;
          }
        };
        set("count", count);
        set("lasting", lasting);
        set("seconds", seconds);
        set(statusOf(fault.value), status);
        void this.#send("POST", PATH, rule);
      },
    });
    form.append(
      h("div", { class: "row" },
        field("Fault", fault),
        field("On", on),
        field(capital(target.one), whose),
        field("Count", count, "Once without"),
        field("Lasting", lasting, "Seconds"),
        field("Delay", seconds, "Seconds: delay, silence"),
        field(statusLabel, status, "answer, refuse")),
      h("div", { class: "row" }, h("button", { type: "submit", class: "primary" }, "Set")),
    );
    return panel("Set a fault", form);
  }

  async #send(method: string, path: string, rule?: Json): Promise<void> {
    try {
      await this.context.api.send(method, path, { body: rule });
      this.#notice.clear();
    } catch (error) {
      this.#notice.bad(error);
    }
    this.#shown = "";
    await this.#load();
  }
}
