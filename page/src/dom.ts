/** Elements of the page. What comes from outside is set as text, never as markup. */

export type Child = Node | string | number | null | undefined | false;

type Handler = (event: Event) => void;

/** Attributes by their names; `on…` are listeners, and `true` is an attribute without a value. */
export type Attributes = Record<string, string | number | boolean | Handler | undefined>;

/** Makes an element. */
export function h<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      element.addEventListener(key.slice(2), value);
    } else if (value === true) {
      element.setAttribute(key, "");
    } else if (value !== false && value !== undefined) {
      element.setAttribute(key, String(value));
    }
  }
  add(element, ...children);
  return element;
}

/** A topic, template or filter, which may wrap after each of its levels. */
export function topicChip(text: string, kind = "chip"): HTMLElement {
  const levels = text.split("/");
  return h("code", { class: kind }, ...levels.flatMap((level, at) => (at < levels.length - 1 ? [`${level}/`, h("wbr")] : [level])));
}

/** Adds children to an element. */
export function add(element: Element, ...children: Child[]): void {
  for (const child of children) {
    if (child !== null && child !== undefined && child !== false) {
      element.append(child instanceof Node ? child : String(child));
    }
  }
}

/** Replaces the children of an element. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren();
  add(element, ...children);
}

/** Sets text if it is another than before: what does not change costs no layout. */
export function say(element: Element, text: string): void {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** A button. */
export function button(label: string, act: () => void, kind = "", attributes: Attributes = {}): HTMLButtonElement {
  return h("button", { type: "button", class: kind, onclick: act, ...attributes }, label);
}

/** A button that acts only when it is pressed twice. */
export function sureButton(label: string, act: () => void): HTMLButtonElement {
  let sure = false;
  const control = button(label, () => {
    if (sure) {
      act();
      return;
    }
    sure = true;
    control.textContent = "Press again to delete";
    setTimeout(() => {
      sure = false;
      control.textContent = label;
    }, 4000);
  }, "danger");
  return control;
}

let fields = 0;

/** A label with its control, which gets an id. */
export function field(label: string, control: HTMLElement, hint = ""): HTMLElement {
  control.id ||= `field-${++fields}`;
  const described = hint === "" ? null : h("small", { id: `${control.id}-hint` }, hint);
  if (described) {
    control.setAttribute("aria-describedby", described.id);
  }
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, described);
}

/** A line of text, in which the browser completes and corrects nothing. */
export function textInput(attributes: Attributes = {}): HTMLInputElement {
  return h("input", { type: "text", autocomplete: "off", spellcheck: "false", ...attributes });
}

/** A choice of texts. */
export function select(options: readonly string[], attributes: Attributes = {}): HTMLSelectElement {
  return h("select", attributes, ...options.map((option) => h("option", { value: option }, option)));
}

/** A button that copies a text, which is asked for when it is pressed. */
export function copyButton(text: () => string, what: string): HTMLButtonElement {
  const control = button("Copy", () => {
    void navigator.clipboard.writeText(text()).then(
      () => flash("Copied"),
      () => flash("Not allowed"),
    );
  }, "small", { "aria-label": `Copy ${what}` });
  const flash = (said: string): void => {
    control.textContent = said;
    setTimeout(() => (control.textContent = "Copy"), 1200);
  };
  return control;
}

/** A place for what went wrong or well, read out to those who do not see it. */
export class Notice {
  readonly element = h("p", { class: "notice", role: "status", hidden: true });

  good(text: string): void {
    this.#show(text, "good");
  }

  bad(error: unknown): void {
    this.#show(error instanceof Error ? error.message : String(error), "bad");
  }

  clear(): void {
    this.element.hidden = true;
  }

  #show(text: string, kind: string): void {
    this.element.hidden = false;
    this.element.className = `notice ${kind}`;
    this.element.textContent = text;
  }
}

/** What stands where there is nothing yet. */
export function empty(title: string, ...children: Child[]): HTMLElement {
  return h("div", { class: "empty" }, h("p", { class: "empty-title" }, title), ...children);
}

/** A panel with a heading. */
export function panel(title: string, ...children: Child[]): HTMLElement {
  return h("section", { class: "panel" }, h("h2", {}, title), ...children);
}
