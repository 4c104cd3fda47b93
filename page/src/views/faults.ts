/** Switches for what goes wrong on purpose (`/azmqtt/faults`). */

import type { Context, View } from "../context";
import { Notice, button, empty, field, fill, h, panel, select } from "../dom";
import { isObject, type Json, type JsonObject } from "../format";

const INCOMING = ["received", "telemetry", "twin_get", "twin_patch", "method_response", "subscribe", "acknowledgement"];
const OUTGOING = ["sent", "connack", "puback", "suback", "twin_answer", "desired_patch", "cloud_message", "method_request"];

/** Each fault with the moments that it may be on; the first is the one by default. */
const FAULTS: Record<string, string[]> = {
  drop: ["now", "accept", "connect", "request", ...INCOMING, ...OUTGOING],
  lose: ["puback", ...OUTGOING.filter((on) => on !== "puback"), ...INCOMING, "request"],
  delay: ["puback", "now", "accept", "connect", "request", ...INCOMING, ...OUTGOING.filter((on) => on !== "puback")],
  duplicate: ["cloud_message", ...OUTGOING.filter((on) => on !== "cloud_message")],
  cut: OUTGOING,
  corrupt: ["now", ...OUTGOING],
  refuse: ["connect"],
  silence: ["now", "accept", "connect", ...INCOMING],
  reset: ["accept"],
  shut_down: ["now"],
  answer: ["twin_request", "twin_get", "twin_patch", "request"],
  expire_token: ["now", ...INCOMING],
  take_over: ["now", ...INCOMING],
  throttle: ["now"],
  quota_exceeded: ["now"],
};

/** Seconds: as long as anybody looks at the page. */
const A_DAY = 86_400;

/** Faults that people switch on and off. */
const SWITCHES: { title: string; hint: string; rule: JsonObject }[] = [
  { title: "Throttling", hint: "Over the rate: telemetry waits, requests are answered 429", rule: { fault: "throttle", lasting: A_DAY } },
  { title: "Quota used up", hint: "Telemetry ends the connection", rule: { fault: "quota_exceeded", lasting: A_DAY } },
  { title: "Refuse connections", hint: "CONNACK 3: the server is unavailable", rule: { fault: "refuse", on: "connect", code: 3, lasting: A_DAY } },
  { title: "Lose acknowledgements", hint: "Messages arrive, and no PUBACK is sent", rule: { fault: "lose", on: "puback", lasting: A_DAY } },
  { title: "Slow network", hint: "Everything to devices comes 2 s later", rule: { fault: "delay", on: "sent", seconds: 2, lasting: A_DAY } },
  { title: "Service errors", hint: "Twin requests are answered 503", rule: { fault: "answer", on: "twin_request", status: 503, lasting: A_DAY } },
];

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
  #device = h("input", { type: "text", placeholder: "All devices", spellcheck: "false", autocomplete: "off" });
  #switches = h("div", { class: "switches" });
  #list = h("div", { class: "plain-list" });
  #known: Known[] = [];
  #timer: ReturnType<typeof setInterval>;
  #shown = "";

  constructor(private readonly context: Context) {
    this.element = h(
      "div",
      {},
      h("div", { class: "title" }, h("h1", {}, "Faults")),
      this.#notice.element,
      panel("Switches", h("div", { class: "row" }, field("For device", this.#device, "Empty for all devices")), this.#switches),
      this.#form(),
      panel("Faults that are set", this.#list),
    );
    this.#device.addEventListener("input", () => this.#show());
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

  get #target(): JsonObject {
    const device = this.#device.value.trim();
    return device === "" ? {} : { device_id: device };
  }

  /** The set fault that a switch stands for, for the device that is named. */
  #of(rule: JsonObject): Known | undefined {
    const wanted = { ...rule, ...this.#target };
    return this.#known.find(
      (known) =>
        !known.over &&
        known.rule["device_id"] === wanted["device_id"] &&
        Object.entries(wanted).every(([name, value]) => known.rule[name] === value),
    );
  }

  #show(): void {
    const key = JSON.stringify([this.#known, this.#device.value]);
    if (key === this.#shown) {
      return;
    }
    this.#shown = key;
    const had = document.activeElement?.id;
    fill(this.#switches, ...SWITCHES.map((each, at) => this.#switch(each, `switch-${at}`)));
    const active = this.#known.filter(({ over }) => !over);
    const rows = this.#known.map((known) => this.#row(known)).reverse();
    const clear = button("Remove all", () => void this.#send("DELETE", PATH));
    fill(this.#list, ...(rows.length === 0 ? [empty("None")] : rows), active.length > 0 && h("div", { class: "row" }, clear));
    if (had) {
      document.getElementById(had)?.focus();
    }
  }

  #switch({ title, hint, rule }: (typeof SWITCHES)[number], id: string): HTMLElement {
    const known = this.#of(rule);
    const box = h("input", { type: "checkbox", role: "switch", id, checked: known !== undefined });
    box.addEventListener("change", () => {
      void (known ? this.#send("DELETE", `${PATH}/${known.id}`) : this.#send("POST", PATH, { ...rule, ...this.#target }));
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
    const fault = select(Object.keys(FAULTS));
    const on = select(FAULTS["drop"] as string[]);
    const device = h("input", { type: "text", placeholder: "All devices", spellcheck: "false", autocomplete: "off" });
    const amount = (): HTMLInputElement => h("input", { type: "number", min: 0, step: "any" });
    const [count, lasting, seconds, status] = [amount(), amount(), amount(), amount()];
    fault.addEventListener("change", () => {
      fill(on, ...(FAULTS[fault.value] ?? []).map((moment) => h("option", { value: moment }, moment)));
    });
    const form = h("form", {
      onsubmit: (event: Event) => {
        event.preventDefault();
        const rule: JsonObject = { fault: fault.value, on: on.value };
        const set = (name: string, input: HTMLInputElement): void => {
          if (input.value !== "") {
            rule[name] = input.valueAsNumber;
          }
        };
        set("count", count);
        set("lasting", lasting);
        set("seconds", seconds);
        set(fault.value === "refuse" ? "code" : "status", status);
        if (device.value.trim() !== "") {
          rule["device_id"] = device.value.trim();
        }
        void this.#send("POST", PATH, rule);
      },
    });
    form.append(
      h("div", { class: "row" },
        field("Fault", fault),
        field("On", on),
        field("Device", device),
        field("Count", count, "Once without"),
        field("Lasting", lasting, "Seconds"),
        field("Delay", seconds, "Seconds: delay, silence"),
        field("Status or code", status, "answer, refuse")),
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
