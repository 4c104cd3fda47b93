/** Keeps the newest items, so that the memory of a page that is left open does not grow. */

/** The most characters of all items in a ring, as received. */
const HEAVIEST = 32 << 20;

export class Ring<T> {
  #items: T[] = [];
  #sizes: number[] = [];
  #size = 0;

  constructor(private readonly most: number) {}

  /** Adds an item with its length in characters; returns true if older ones were removed. */
  push(item: T, size = 0): boolean {
    this.#items.push(item);
    this.#sizes.push(size);
    this.#size += size;
    // Many at once, now and then: removing one item at a time would move all the others each time.
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

  /** At most `count` items that `wanted` accepts, newest first. */
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
