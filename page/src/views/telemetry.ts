/** Messages of a device as they arrive, and a form to send messages as the device. */

import type { Context, Target, View } from "../context";
import { h } from "../dom";
import { brief } from "../format";
import { isOf } from "../store";
import { LiveMessages, TIME, body, pairs, type Shown } from "./live";
import { Simulate } from "./simulate";

export class Telemetry implements View {
  readonly element: HTMLElement;
  #live: LiveMessages;
  #simulate: Simulate;

  constructor(context: Context, target: Target) {
    const shown: Shown = {
      columns: [
        TIME,
        { title: "Body", text: (message) => brief(body(message)), className: "code grow" },
        { title: "Properties", text: (message) => brief(pairs(message["properties"]), 80), className: "muted" },
      ],
      hint: "They appear here as soon as the device sends them.",
      wanted: (message) => isOf(message, target.device, target.module),
      source: () => "",
    };
    this.#simulate = new Simulate(context, target);
    this.#live = new LiveMessages(context, shown, this.#simulate.toggle);
    this.element = h("div", {}, this.#simulate.element, this.#live.element);
  }

  leave(): void {
    this.#simulate.stop();
    this.#live.leave();
  }

  recolour(): void {
    this.#live.recolour();
  }

  draw(): void {
    this.#live.draw();
  }
}
