/** Model files that the user chose. Only this tab keeps them; they survive a reload. */

import { readFile } from "./dtdl";
import { type JsonObject } from "./format";

const KEY = "azmqtt-models";

/** Limits: files per choice, bytes of a file, and interfaces and characters of JSON that are kept. */
const MOST_FILES = 200;
const LARGEST_FILE = 1 << 20;
const MOST_INTERFACES = 500;
const LARGEST = 2 << 20;

class Models {
  #known = new Map<string, JsonObject>();
  /** The number of characters of each. */
  #sizes = new Map<string, number>();

  constructor() {
    try {
      for (const [id, one] of readFile(sessionStorage.getItem(KEY) ?? "[]").interfaces) {
        this.#take(id, one);
      }
    } catch {
      // The browser stores nothing for this page, so the models are lost on a reload.
    }
  }

  get known(): ReadonlyMap<string, JsonObject> {
    return this.#known;
  }

  /** Adds files and returns their problems. An interface with a known id is replaced. */
  async add(files: File[]): Promise<string[]> {
    const problems: string[] = [];
    if (files.length > MOST_FILES) {
      problems.push(`${files.length} files: only the first ${MOST_FILES} were read`);
    }
    for (const file of files.slice(0, MOST_FILES)) {
      if (file.size > LARGEST_FILE) {
        problems.push(`${file.name}: larger than ${LARGEST_FILE >> 20} MiB`);
        continue;
      }
      const read = readFile(await file.text());
      problems.push(...read.problems.map((problem) => `${file.name}: ${problem}`));
      for (const [id, one] of read.interfaces) {
        if (!this.#take(id, one)) {
          problems.push(`${file.name}: ${id} does not fit; the limits are ${MOST_INTERFACES} interfaces and ${LARGEST >> 20} MiB`);
        }
      }
    }
    this.#keep();
    return problems;
  }

  #take(id: string, one: JsonObject): boolean {
    const size = JSON.stringify(one).length;
    const before = [...this.#sizes].reduce((sum, [other, size]) => (other === id ? sum : sum + size), 0);
    if (before + size > LARGEST || (this.#known.size >= MOST_INTERFACES && !this.#known.has(id))) {
      return false;
    }
    this.#known.set(id, one);
    this.#sizes.set(id, size);
    return true;
  }

  forget(): void {
    this.#known.clear();
    this.#sizes.clear();
    this.#keep();
  }

  #keep(): void {
    try {
      sessionStorage.setItem(KEY, JSON.stringify([...this.#known.values()]));
    } catch {
      // As above.
    }
  }
}

export const models = new Models();
