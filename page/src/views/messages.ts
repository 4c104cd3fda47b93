/** Cloud-to-device messages: sending one, and the fate of those that were sent. */

import { part } from "../api";
import type { Context, Target, View } from "../context";
import { Notice, button, field, h, panel, select } from "../dom";
import { brief, clock, isObject, text } from "../format";
import { Table } from "../table";

/** Messages that are remembered, by device. */
const MOST = 100;

interface Sent {
  id: string;
  time: string;
  body: string;
  ack: string;
}

const sent = new Map<string, Sent[]>();

/** What each fate means. */
const FATES: Record<string, string> = {
  enqueued: "waits in the queue",
  delivered: "delivered, not acknowledged yet",
  completed: "completed",
  abandoned: "abandoned, waits again",
  rejected: "rejected",
  expired: "expired",
  purged: "purged",
  given_up: "given up: delivered too often",
};

const BAD = ["rejected", "expired", "purged", "given_up"];

export class Messages implements View {
  readonly element: HTMLElement;
  #body = h("textarea", { rows: 4, class: "code", spellcheck: "false" });
  #properties = h("textarea", { rows: 2, class: "code", spellcheck: "false", placeholder: "level=high" });
  #type = h("input", { type: "text", value: "application/json", spellcheck: "false" });
  #id = h("input", { type: "text", maxlength: 128, spellcheck: "false", autocomplete: "off" });
  #ack = select(["none", "positive", "negative", "full"]);
  #expiry = h("input", { type: "number", min: 1, max: 172_800 });
  #notice = new Notice();
  #table: Table<Sent>;
  #none = h("p", { class: "muted" }, "No messages were sent from this tab.");

  constructor(
    private readonly context: Context,
    private readonly target: Target,
  ) {
    this.#body.value = '{"text": "hello"}';
    const form = h("form", {
      onsubmit: (event: Event) => {
        event.preventDefault();
        void this.#send();
      },
    });
    form.append(
      field("Body", this.#body),
      h("div", { class: "row" },
        field("Content type", this.#type),
        field("Acknowledgement", this.#ack),
        field("Expires after", this.#expiry, "Seconds; the hub's default without"),
        field("Message id", this.#id, "A random one without")),
      field("Properties", this.#properties, "One name=value per line; names in small letters"),
      this.#notice.element,
      h("div", { class: "row" }, h("button", { type: "submit", class: "primary" }, "Send"),
        button("Purge the queue", () => void this.#purge())),
    );
    this.#table = new Table<Sent>(
      [
        { title: "Sent", text: (message) => clock(message.time), className: "time" },
        { title: "Body", text: (message) => brief(message.body, 80), className: "code grow" },
        { title: "Message id", text: (message) => message.id, className: "code muted" },
        { title: "Ack", text: (message) => message.ack },
        { title: "Fate", text: (message) => this.#fate(message), kind: (message) => this.#kind(message) },
      ],
      undefined,
      "Sent messages",
    );
    this.element = h("div", {}, panel("Send a message", form), panel("Sent", this.#table.element, this.#none));
    this.draw();
  }

  get #sent(): Sent[] {
    const known = sent.get(this.target.device) ?? [];
    sent.set(this.target.device, known);
    return known;
  }

  draw(): void {
    this.#table.show(this.#sent);
    this.#none.hidden = this.#sent.length > 0;
    this.#table.element.hidden = this.#sent.length === 0;
  }

  #fate(message: Sent): string {
    const fate = this.context.store.fates.get(message.id);
    return fate === undefined ? "sent" : `${FATES[fate.type] ?? fate.type}, ${clock(fate.time)}`;
  }

  #kind(message: Sent): string {
    const fate = this.context.store.fates.get(message.id)?.type ?? "";
    return fate === "completed" ? "state same" : BAD.includes(fate) ? "state different" : "state not-reported";
  }

  async #send(): Promise<void> {
    const id = this.#id.value.trim() || crypto.randomUUID();
    const headers: Record<string, string> = { "iothub-ack": this.#ack.value, "iothub-messageid": id };
    if (this.#type.value.trim() !== "") {
      headers["iothub-contenttype"] = this.#type.value.trim();
      headers["iothub-contentencoding"] = "utf-8";
    }
    if (this.#expiry.value !== "") {
      headers["iothub-expiry"] = new Date(Date.now() + this.#expiry.valueAsNumber * 1000).toISOString();
    }
    for (const line of this.#properties.value.split("\n").filter((line) => line.trim() !== "")) {
      const [name, ...value] = line.split("=");
      headers[`iothub-app-${(name ?? "").trim()}`] = value.join("=").trim();
    }
    const path = `/azmqtt/devices/${part(this.target.device)}/messages/deviceBound`;
    try {
      const answer = await this.context.api.send("POST", path, { raw: this.#body.value, headers });
      this.#sent.unshift({
        id: text(answer.body, "messageId") ?? id,
        time: new Date().toISOString(),
        body: this.#body.value,
        ack: this.#ack.value,
      });
      this.#sent.splice(MOST);
      this.#id.value = "";
      this.#notice.good("Sent.");
    } catch (error) {
      this.#notice.bad(error);
    }
    this.draw();
  }

  async #purge(): Promise<void> {
    try {
      const answer = await this.context.api.send("DELETE", `/devices/${part(this.target.device)}/commands`);
      const gone = isObject(answer.body) ? answer.body["totalMessagesPurged"] : undefined;
      this.#notice.good(gone === undefined ? "The queue is empty." : `${String(gone)} messages were removed.`);
    } catch (error) {
      this.#notice.bad(error);
    }
  }
}
