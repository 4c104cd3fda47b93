/** Polls while the page is visible. Slow requests are repeated less often. */

const PACE = 3000;
const SOON = 400;

export class Poll {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = 0;
  #took = 0;
  #running = false;
  #again = false;
  #over = false;

  constructor(private readonly load: () => Promise<void>) {
    void this.now();
  }

  /** Asks now, or once more after the current request. */
  async now(): Promise<void> {
    if (this.#running || this.#over) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#running = true;
    const begun = performance.now();
    do {
      this.#again = false;
      await this.load();
    } while (this.#again && !this.#over);
    this.#took = performance.now() - begun;
    this.#running = false;
    this.#plan(Math.max(PACE, 20 * this.#took));
  }

  /** Asks soon, once for everything that happens until then. */
  soon(): void {
    const wait = Math.max(SOON, 5 * this.#took);
    if (!this.#running && performance.now() + wait < this.#due) {
      this.#plan(wait);
    }
  }

  stop(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }

  #plan(wait: number): void {
    clearTimeout(this.#timer);
    if (!this.#over) {
      this.#due = performance.now() + wait;
      this.#timer = setTimeout(() => (document.hidden ? this.#plan(PACE) : void this.now()), wait);
    }
  }
}
