/** The form for a new client of a namespace. */

import { href } from "../address";
import { readAttributes } from "../attributes";
import type { Context } from "../context";
import { Notice, button, field, fill, h, select, textInput } from "../dom";
import type { JsonObject } from "../format";
import { Management } from "../management";

/** The part of a certificate that identifies the client, as the management API names it. */
const SCHEMES: Record<string, string> = {
  "Certificate by thumbprint": "ThumbprintMatch",
  "Certificate by subject": "SubjectMatchesAuthenticationName",
  "Certificate by DNS name": "DnsMatchesAuthenticationName",
  "Certificate by URI": "UriMatchesAuthenticationName",
  "Certificate by IP address": "IpMatchesAuthenticationName",
  "Certificate by e-mail address": "EmailMatchesAuthenticationName",
};

export class NewClient {
  readonly element = h("form", { class: "panel create", hidden: true });
  #name = textInput({ required: true, maxlength: 128 });
  #authenticationName = textInput({ maxlength: 128, placeholder: "Same as the name" });
  #scheme = select(Object.keys(SCHEMES));
  #thumbprints = textInput({ placeholder: "One or two, of 64 hex digits each" });
  #attributes = h("textarea", { rows: 2, class: "code", spellcheck: "false", placeholder: '{"kind": "pump", "floor": 3}' });
  #notice = new Notice();
  #result = h("div");

  constructor(
    private readonly context: Context,
    private readonly created: () => void,
  ) {
    const thumbprints = field("Thumbprints", this.#thumbprints);
    this.#scheme.addEventListener("change", () => (thumbprints.hidden = this.#chosen !== "ThumbprintMatch"));
    this.element.append(
      h("h2", {}, "New client"),
      h("div", { class: "row" }, field("Name", this.#name), field("Authentication name", this.#authenticationName),
        field("Authentication", this.#scheme), thumbprints),
      field("Attributes", this.#attributes, "A JSON object of strings, integers, and lists of strings, for queries of client groups"),
      h("p", { class: "muted" }, "In Python, namespace.create_client(name) creates the certificate, too."),
      this.#notice.element,
      this.#result,
      h("div", { class: "row" }, h("button", { type: "submit", class: "primary" }, "Create"), button("Close", () => this.toggle())),
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
  }

  toggle(): void {
    this.element.hidden = !this.element.hidden;
    if (!this.element.hidden) {
      this.#name.focus();
    }
  }

  get #chosen(): string {
    return SCHEMES[this.#scheme.value] ?? "";
  }

  async #send(): Promise<void> {
    const name = this.#name.value.trim();
    const authenticationName = this.#authenticationName.value.trim() || name;
    const rule: JsonObject = { validationScheme: this.#chosen };
    if (this.#chosen === "ThumbprintMatch") {
      rule["allowedThumbprints"] = this.#thumbprints.value.split(/[\s,;]+/).filter((part) => part !== "");
    }
    fill(this.#result);
    try {
      const attributes = readAttributes(this.#attributes.value);
      const properties = { authenticationName, clientCertificateAuthentication: rule, attributes, state: "Enabled" };
      await new Management(this.context.api).put("clients", name, properties);
      this.#notice.good(`${name} is created.`);
      this.#name.value = this.#authenticationName.value = this.#thumbprints.value = "";
      fill(this.#result, h("a", { href: href("clients", authenticationName) }, `Open ${authenticationName}`));
      this.created();
    } catch (error) {
      this.#notice.bad(error);
    }
  }
}
