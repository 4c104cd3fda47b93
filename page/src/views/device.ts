/** One device, or one module of it: a tab for each subject. */

import type { Context, Target, View } from "../context";
import { fill, h } from "../dom";
import { Events } from "./events";
import { Identity } from "./identity";
import { Messages } from "./messages";
import { Methods } from "./methods";
import { ModelView } from "./model";
import { Modules } from "./modules";
import { Packets } from "./packets";
import { linkTo } from "./target";
import { Telemetry } from "./telemetry";
import { Twin } from "./twin";

type Make = new (context: Context, target: Target) => View;

/** Names in addresses, titles, and whether modules have it. */
const TABS: [string, string, Make, boolean][] = [
  ["telemetry", "Telemetry", Telemetry, true],
  ["twin", "Twin", Twin, true],
  ["methods", "Methods", Methods, true],
  ["model", "Plug and Play", ModelView, true],
  ["messages", "Cloud-to-device", Messages, false],
  ["modules", "Modules", Modules, false],
  ["packets", "Packets", Packets, true],
  ["events", "Events", Events, true],
  ["identity", "Identity and keys", Identity, true],
];

export class Device implements View {
  readonly element = h("div");
  #view: View;

  constructor(context: Context, target: Target, tab: string) {
    const tabs = TABS.filter(([, , , ofModules]) => target.module === undefined || ofModules);
    const [name, title, make] = tabs.find(([known]) => known === tab) ?? (tabs[0] as (typeof TABS)[number]);
    this.#view = new make(context, target);
    const crumbs = h("nav", { class: "crumbs", "aria-label": "Where you are" }, h("a", { href: "#/devices" }, "Devices"));
    if (target.module !== undefined) {
      crumbs.append(" / ", h("a", { href: linkTo({ device: target.device }, "modules") }, target.device));
    }
    const bar = h("nav", { class: "tabs", "aria-label": "Views of the device" });
    fill(
      bar,
      ...tabs.map(([known, label]) =>
        h("a", { href: linkTo(target, known), "aria-current": known === name ? "page" : undefined }, label),
      ),
    );
    this.element.append(
      crumbs,
      h("div", { class: "title" }, h("h1", {}, target.module ?? target.device)),
      bar,
      h("div", { class: "tab-content", "aria-label": title }, this.#view.element),
    );
    requestAnimationFrame(() => bar.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }));
  }

  draw(): void {
    this.#view.draw?.();
  }

  recolour(): void {
    this.#view.recolour?.();
  }

  leave(): void {
    this.#view.leave?.();
  }
}
