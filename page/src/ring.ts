/** The newest of what was pushed, so that a page that is left open does not grow. */

/** Of all items of a ring, as they came, in characters. */
const HEAVIEST = 32 << 20;

export class Ring<T> {
  #items: T[] = [];
  #sizes: number[] = [];
  #size = 0;

  constructor(private readonly most: number) {}

  /** Keeps an item of that many characters; true if older ones had to go. */
  push(item: T, size = 0): boolean {
    this.#items.push(item);
    this.#sizes.push(size);
    this.#size += size;
    // In one go, now and then: a shift for each item would move all the others.
    const isFull = this.#items.length >= 2 * this.most || this.#size > HEAVIEST;
    if (isFull) {
      this.#cut();
    }
    return isFull;
  }

  #cut(): void {
    let gone = Math.max(0, this.#items.length - this.most);
    let size = this.#sizes.slice(gone).reduce((all, each) => all + each, 0);
    for (; size > HEAVIEST / 2; gone++) {
      size -= this.#sizes[gone] as number;
    }
    this.#items.splice(0, gone);
    this.#sizes.splice(0, gone);
    this.#size = size;
  }

  /** The newest, at most so many, the newest first; of those that `wanted` takes. */
  newest(count: number, wanted: (item: T) => boolean = () => true): T[] {
    const found: T[] = [];
    const oldest = Math.max(0, this.#items.length - this.most);
    for (let at = this.#items.length - 1; at >= oldest && found.length < count; at--) {
      const item = this.#items[at] as T;
      if (wanted(item)) {
        found.push(item);
      }
    }
    return found;
  }
}
