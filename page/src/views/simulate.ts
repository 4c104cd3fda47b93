/** Sends messages as the device, over its HTTPS API (`POST /devices/{id}/messages/events`). */

import { part } from "../api";
import type { Context, Target } from "../context";
import { DeviceKey } from "../device_key";
import { Notice, button, field, h, panel, say } from "../dom";
import { count, type JsonObject } from "../format";
import { pathOf } from "./target";

/** The content type of a batch. Its properties keep their case, unlike header names (IoT Hub REST API, "Send Device Event"). */
const BATCH = "application/vnd.microsoft.iothub.json";

export class Simulate {
  readonly element: HTMLElement;
  readonly toggle: HTMLButtonElement;
  #body = h("textarea", { rows: 4, class: "code", spellcheck: "false" });
  #properties = h("textarea", { rows: 2, class: "code", spellcheck: "false", placeholder: "room=attic" });
  #type = h("input", { type: "text", value: "application/json", spellcheck: "false" });
  #count = h("input", { type: "number", min: 1, max: 100_000, step: 1, value: 1, required: true });
  #interval = h("input", { type: "number", min: 0, max: 3600, step: "any", value: 1, required: true });
  #notice = new Notice();
  #sent = h("span", { class: "count" });
  #send = h("button", { type: "submit", class: "primary" }, "Send");
  #stop = button("Stop", () => this.stop(), "", { disabled: true });
  /** The current run; replaced or cleared after Stop. */
  #run: AbortController | undefined;

  constructor(
    private readonly context: Context,
    private readonly target: Target,
  ) {
    this.#body.value = '{"temperature": 21.5}';
    const form = target.module === undefined ? this.#form() : h("p", {}, "Modules can send only over MQTT: IoT Hub has no HTTPS API for them.");
    this.element = panel("Send as the device", form);
    this.element.hidden = true;
    this.toggle = button("Send as the device", () => this.#open(), "", { "aria-expanded": "false" });
  }

  #form(): HTMLFormElement {
    const form = h("form", {
      onsubmit: (event: Event) => {
        event.preventDefault();
        void this.#start();
      },
    });
    form.append(
      field("Body", this.#body),
      h("div", { class: "row" },
        field("Content type", this.#type, "Empty for none"),
        field("Messages", this.#count),
        field("Interval", this.#interval, "Seconds between two messages")),
      field("Properties", this.#properties, "One name=value per line"),
      this.#notice.element,
      h("div", { class: "row" }, this.#send, this.#stop, this.#sent),
    );
    return form;
  }

  #open(): void {
    this.element.hidden = !this.element.hidden;
    this.toggle.setAttribute("aria-expanded", String(!this.element.hidden));
    if (!this.element.hidden) {
      this.element.scrollIntoView({ block: "nearest" });
      this.#body.focus();
    }
  }

  /** Ends the run: no message is sent after the one in progress. */
  stop(): void {
    this.#run?.abort();
  }

  async #start(): Promise<void> {
    const run = new AbortController();
    this.#run?.abort();
    this.#run = run;
    const [wanted, pause] = [this.#count.valueAsNumber, this.#interval.valueAsNumber * 1000];
    let sent = 0;
    this.#notice.clear();
    this.#send.disabled = true;
    this.#stop.disabled = false;
    try {
      const raw = JSON.stringify([this.#message()]);
      const identity = await this.context.api.get(pathOf("devices", this.target));
      const key = await DeviceKey.of(this.context.api.hostname, identity);
      while (sent < wanted && !run.signal.aborted) {
        await this.#post(raw, await key.token());
        sent += 1;
        say(this.#sent, `${count(sent)} of ${count(wanted)}`);
        if (sent < wanted) {
          await wait(pause, run.signal);
        }
      }
      const what = sent === 1 ? "1 message was sent" : `${count(sent)} messages were sent`;
      this.#notice.good(run.signal.aborted && sent < wanted ? `Stopped: ${what}.` : `${what}.`);
    } catch (error) {
      this.#notice.bad(error);
    }
    say(this.#sent, "");
    this.#send.disabled = false;
    this.#stop.disabled = true;
  }

  /** The message as an entry of a batch. */
  #message(): JsonObject {
    const properties: [string, string][] = [];
    if (this.#type.value.trim() !== "") {
      properties.push(["iothub-contenttype", this.#type.value.trim()], ["iothub-contentencoding", "utf-8"]);
    }
    for (const line of this.#properties.value.split("\n").filter((line) => line.trim() !== "")) {
      const [name, ...value] = line.split("=");
      if (value.length === 0) {
        throw new Error(`Properties: '${line.trim()}' is not name=value.`);
      }
      properties.push([`iothub-app-${(name ?? "").trim()}`, value.join("=").trim()]);
    }
    return { body: this.#body.value, base64Encoded: false, properties: Object.fromEntries(properties) };
  }

  async #post(raw: string, authorization: string): Promise<void> {
    const path = `/devices/${part(this.target.device)}/messages/events`;
    await this.context.api.send("POST", path, { raw, authorization, headers: { "Content-Type": BATCH } });
  }
}

/** Waits, but no longer than the run lasts. */
function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resume) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resume();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    if (signal.aborted) {
      end();
    }
  });
}
