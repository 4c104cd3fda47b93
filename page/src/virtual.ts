/** A list of any length, of which only the rows in sight are in the page. All rows are equally high. */

import { h } from "./dom";

export class VirtualList<T> {
  readonly element: HTMLElement;
  #inner = h("div", { class: "virtual-inner" });
  #rows = new Map<number, HTMLElement>();
  #items: T[] = [];

  constructor(
    private readonly height: number,
    private readonly make: (item: T) => HTMLElement,
    label: string,
  ) {
    this.element = h("div", { class: "virtual", role: "list", "aria-label": label }, this.#inner);
    this.element.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  show(items: T[]): void {
    this.#items = items;
    const focused = this.#focused();
    for (const row of this.#rows.values()) {
      row.remove();
    }
    this.#rows.clear();
    this.#inner.style.height = `${items.length * this.height}px`;
    this.draw();
    if (focused !== null) {
      const links = [...this.#inner.querySelectorAll("a")];
      links.find((link) => link.getAttribute("href") === focused)?.focus({ preventScroll: true });
    }
  }

  /** The target of the link that has the focus. */
  #focused(): string | null {
    const { activeElement } = document;
    return this.#inner.contains(activeElement) ? (activeElement?.getAttribute("href") ?? null) : null;
  }

  draw(): void {
    const beyond = 5;
    const first = Math.max(0, Math.floor(this.element.scrollTop / this.height) - beyond);
    const shown = Math.ceil(this.element.clientHeight / this.height) + 2 * beyond;
    const last = Math.min(this.#items.length, first + shown);
    const focused = document.activeElement;
    for (const [at, row] of this.#rows) {
      // The row with the focus stays, or the keyboard would lose its place.
      if ((at < first || at >= last) && !row.contains(focused)) {
        row.remove();
        this.#rows.delete(at);
      }
    }
    for (let at = first; at < last; at++) {
      if (!this.#rows.has(at)) {
        const row = this.make(this.#items[at] as T);
        row.setAttribute("role", "listitem");
        row.setAttribute("aria-setsize", String(this.#items.length));
        row.setAttribute("aria-posinset", String(at + 1));
        row.style.top = `${at * this.height}px`;
        row.style.height = `${this.height}px`;
        this.#rows.set(at, row);
        // In their order, for those who go from row to row by the keyboard.
        const after = [...this.#rows.entries()].filter(([other]) => other > at).sort(([a], [b]) => a - b)[0];
        this.#inner.insertBefore(row, after?.[1] ?? null);
      }
    }
  }
}
