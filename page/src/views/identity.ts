/** The identity of a device or module: keys, connection string, whether it may connect. */

import type { Context, Target, View } from "../context";
import { Notice, button, copyButton, fill, h, panel, sureButton } from "../dom";
import { ago, isObject, text, type Json, type JsonObject } from "../format";
import { linkTo, pathOf } from "./target";

/** A secret that is hidden until it is asked for. */
function secret(name: string, value: string): HTMLElement {
  const shown = h("code", { class: "secret" }, "••••••••••••••••");
  const toggle = button("Show", () => {
    const hidden = toggle.textContent === "Show";
    shown.textContent = hidden ? value : "••••••••••••••••";
    toggle.textContent = hidden ? "Hide" : "Show";
  }, "small", { "aria-label": `Show or hide ${name}` });
  return h("div", { class: "fact" }, h("dt", {}, name), h("dd", {}, shown, toggle, copyButton(() => value, name)));
}

function fact(name: string, value: string): HTMLElement {
  return h("div", { class: "fact" }, h("dt", {}, name), h("dd", {}, value));
}

export class Identity implements View {
  readonly element = h("div");
  #notice = new Notice();
  #content = h("div");

  constructor(
    private readonly context: Context,
    private readonly target: Target,
  ) {
    this.element.append(this.#notice.element, this.#content);
    void this.load();
  }

  async load(): Promise<void> {
    try {
      const identity = await this.context.api.get(pathOf("devices", this.target));
      this.#show(isObject(identity) ? identity : {});
    } catch (error) {
      this.#notice.bad(error);
    }
  }

  #show(identity: JsonObject): void {
    const authentication = isObject(identity["authentication"]) ? identity["authentication"] : {};
    const keys = isObject(authentication["symmetricKey"]) ? authentication["symmetricKey"] : {};
    const thumbprints = isObject(authentication["x509Thumbprint"]) ? authentication["x509Thumbprint"] : {};
    const kind = text(authentication, "type") ?? "";
    const facts = [
      fact(this.target.module === undefined ? "Device id" : "Module id", this.target.module ?? this.target.device),
      fact("Connection", text(identity, "connectionState") ?? ""),
      fact("Last activity", ago(identity["lastActivityTime"])),
      fact("Messages that wait", String(identity["cloudToDeviceMessageCount"] ?? 0)),
      fact("Authentication", { sas: "symmetric key", selfSigned: "certificate, by its thumbprint" }[kind] ?? kind),
    ];
    const secrets: HTMLElement[] = [];
    for (const [label, name] of [["Primary", "primaryKey"], ["Secondary", "secondaryKey"]] as const) {
      const key = text(keys, name);
      if (key !== undefined) {
        secrets.push(secret(`${label} key`, key), secret(`${label} connection string`, this.#connectionString(key)));
      }
    }
    for (const [label, name] of [["Primary", "primaryThumbprint"], ["Secondary", "secondaryThumbprint"]] as const) {
      const thumbprint = text(thumbprints, name);
      if (thumbprint !== undefined) {
        secrets.push(fact(`${label} thumbprint`, thumbprint));
      }
    }
    fill(
      this.#content,
      panel(this.target.module === undefined ? "Device" : "Module", h("dl", { class: "facts" }, ...facts), this.#acts(identity)),
      secrets.length > 0 && panel("Credentials", h("dl", { class: "facts" }, ...secrets)),
    );
  }

  #connectionString(key: string): string {
    const module = this.target.module === undefined ? "" : `;ModuleId=${this.target.module}`;
    return `HostName=${this.context.api.hostname};DeviceId=${this.target.device}${module};SharedAccessKey=${key}`;
  }

  #acts(identity: JsonObject): HTMLElement {
    const acts = h("div", { class: "row" });
    if (this.target.module === undefined) {
      const enabled = identity["status"] === "enabled";
      const box = h("input", { type: "checkbox", role: "switch", checked: enabled });
      box.addEventListener("change", () => void this.#change(identity, { status: box.checked ? "enabled" : "disabled" }));
      acts.append(h("label", { class: "choice" }, box, "Enabled: the device may connect"));
    }
    if (isObject(identity["authentication"]) && identity["authentication"]["type"] === "sas") {
      const authentication = { type: "sas", symmetricKey: null };
      acts.append(button("New keys", () => void this.#change(identity, { authentication })));
    }
    const what = this.target.module === undefined ? "device" : "module";
    acts.append(h("span", { class: "grow" }), sureButton(`Delete ${what}`, () => void this.#remove()));
    return acts;
  }

  async #change(identity: JsonObject, change: Json): Promise<void> {
    const body = { ...identity, ...(change as JsonObject) };
    try {
      await this.context.api.send("PUT", pathOf("devices", this.target), { body, headers: { "If-Match": "*" } });
      this.#notice.good("Changed.");
    } catch (error) {
      this.#notice.bad(error);
    }
    await this.load();
  }

  async #remove(): Promise<void> {
    try {
      await this.context.api.send("DELETE", pathOf("devices", this.target), { headers: { "If-Match": "*" } });
      location.hash = this.target.module === undefined ? "#/devices" : linkTo({ device: this.target.device }, "modules");
    } catch (error) {
      this.#notice.bad(error);
    }
  }
}
