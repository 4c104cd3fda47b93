/** Tables whose rows are used again: what does not change costs nothing. */

import { h, say } from "./dom";

export interface Column<T> {
  title: string;
  /** The text of a cell. */
  text(item: T): string;
  /** A class for the cell, by what it holds. */
  kind?(item: T): string;
  className?: string;
}

interface Shown {
  row: HTMLTableRowElement;
  cells: HTMLTableCellElement[];
}

/** Rows of a list that changes often, with details of the one that is chosen. */
export class Table<T> {
  readonly element: HTMLElement;
  #body = h("tbody");
  #rows: Shown[] = [];
  #items: T[] = [];

  constructor(
    private readonly columns: Column<T>[],
    private readonly choose?: (item: T) => void,
    label = "",
  ) {
    const heads = columns.map((column) => h("th", { scope: "col", class: column.className }, column.title));
    const table = h("table", { "aria-label": label }, h("thead", {}, h("tr", {}, ...heads)), this.#body);
    this.element = h("div", { class: "table", tabindex: 0, role: "region", "aria-label": label }, table);
  }

  show(items: T[]): void {
    this.#items = items;
    while (this.#rows.length < items.length) {
      this.#add();
    }
    items.forEach((item, at) => {
      const { row, cells } = this.#rows[at] as Shown;
      row.hidden = false;
      this.columns.forEach((column, index) => {
        const cell = cells[index] as HTMLTableCellElement;
        say(cell, column.text(item));
        const kind = `${column.className ?? ""} ${column.kind?.(item) ?? ""}`.trim();
        if (cell.className !== kind) {
          cell.className = kind;
        }
      });
    });
    for (const { row } of this.#rows.slice(items.length)) {
      row.hidden = true;
    }
  }

  #add(): void {
    const at = this.#rows.length;
    const cells = this.columns.map((column) => h("td", { "data-title": column.title }));
    const row = h("tr", {}, ...cells);
    if (this.choose) {
      const choose = (): void => this.choose?.(this.#items[at] as T);
      row.tabIndex = 0;
      row.addEventListener("click", choose);
      row.addEventListener("keydown", (event) => {
        if (event.key === "Enter") {
          choose();
        }
      });
    }
    this.#rows.push({ row, cells });
    this.#body.append(row);
  }
}
