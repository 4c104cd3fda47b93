/** A form that creates or changes a resource of the management API. */

import { Notice, button, field, h, sureButton, textInput } from "../dom";
import type { JsonObject } from "../format";
import type { Kind, Management, Resource } from "../management";

/** A member of a resource, with its control. */
export interface Member {
  label: string;
  hint?: string;
  control: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;
  /** Whether the control has a line of its own. */
  wide?: boolean;
  show(properties: JsonObject): string;
  read(written: string): JsonObject;
}

/** A member that is a string. */
export function textMember(name: string, label: string, control: Member["control"], hint = ""): Member {
  const read = (written: string): JsonObject => (written.trim() === "" ? {} : { [name]: written.trim() });
  return { label, control, hint, show: (properties) => String(properties[name] ?? ""), read };
}

export class ResourceForm {
  readonly element = h("form", { class: "panel create", hidden: true });
  readonly notice = new Notice();
  #name = textInput({ required: true, minlength: 3, maxlength: 50, pattern: "[A-Za-z0-9\\-]+" });
  #title = h("h2");
  #submit = h("button", { type: "submit", class: "primary" });
  #remove: HTMLElement;
  #from: Element | null = null;

  constructor(
    private readonly management: Management,
    private readonly kind: Kind,
    private readonly word: string,
    private readonly members: Member[],
    private readonly changed: () => void,
  ) {
    const of = (wide: boolean): HTMLElement[] =>
      members.filter((member) => (member.wide ?? false) === wide).map(({ label, control, hint }) => field(label, control, hint));
    this.#remove = sureButton(`Delete ${word}`, () => void this.remove(this.#name.value));
    this.element.append(
      this.#title,
      h("div", { class: "row" }, field("Name", this.#name, "3 to 50 letters, digits and hyphens"), ...of(false)),
      ...of(true),
      this.notice.element,
      h("div", { class: "row" }, this.#submit, button("Close", () => this.close()), h("span", { class: "grow" }), this.#remove),
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
    this.element.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
  }

  /** Shows the form for a resource, or for a new one with these properties. */
  open(resource?: Resource, preset: JsonObject = {}): void {
    this.#from = document.activeElement;
    this.#title.textContent = resource === undefined ? `New ${this.word}` : `Change ${resource.name}`;
    this.#submit.textContent = resource === undefined ? "Create" : "Save";
    this.#name.value = resource?.name ?? "";
    this.#name.readOnly = resource !== undefined;
    this.#remove.hidden = resource === undefined;
    for (const { control, show } of this.members) {
      control.value = show(resource?.properties ?? preset);
    }
    this.notice.clear();
    this.element.hidden = false;
    this.element.scrollIntoView({ block: "nearest" });
    const first = resource === undefined ? this.#name : this.members[0]?.control;
    first?.focus({ preventScroll: true });
  }

  close(): void {
    this.element.hidden = true;
    if (this.#from instanceof HTMLElement) {
      this.#from.focus();
    }
  }

  async remove(name: string): Promise<void> {
    await this.#do(() => this.management.remove(this.kind, name));
  }

  async #send(): Promise<void> {
    const properties: JsonObject = Object.assign({}, ...this.members.map(({ control, read }) => read(control.value)));
    await this.#do(() => this.management.put(this.kind, this.#name.value.trim(), properties));
  }

  async #do(change: () => Promise<void>): Promise<void> {
    try {
      await change();
      this.close();
    } catch (error) {
      this.element.hidden = false;
      this.notice.bad(error);
    }
    this.changed();
  }
}
