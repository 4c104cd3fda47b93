/** A chart of the numbers in messages. */

import uPlot from "uplot";

/** Points that are kept, and the time between two, in seconds: two minutes of a fast device, more of a slow one. */
const MOST = 1200;
const STEP = 0.1;
const MOST_SERIES = 8;

export class Chart {
  readonly element: HTMLElement;
  #names: string[] = [];
  #times: number[] = [];
  #values: (number | null)[][] = [];
  #plot: uPlot | undefined;
  #stale = false;
  #width = 0;

  constructor(element: HTMLElement) {
    this.element = element;
    this.element.className = "chart";
    this.element.setAttribute("role", "img");
  }

  /** Takes the numbers of a message, by their names. */
  add(time: number, numbers: readonly [string, number][]): void {
    if (numbers.length === 0) {
      return;
    }
    const last = this.#times.at(-1);
    // Messages that come faster than a point is wide share one: the newest counts.
    if (last === undefined || time - last >= STEP) {
      this.#times.push(time);
      this.#values.forEach((values) => values.push(null));
    }
    const at = this.#times.length - 1;
    for (const [name, value] of numbers) {
      let series = this.#names.indexOf(name);
      if (series === -1) {
        if (this.#names.length === MOST_SERIES) {
          continue;
        }
        series = this.#names.push(name) - 1;
        this.#values.push(new Array<number | null>(this.#times.length).fill(null));
        this.#destroy();
      }
      (this.#values[series] as (number | null)[])[at] = value;
    }
    if (this.#times.length > MOST + 100) {
      const gone = this.#times.length - MOST;
      this.#times.splice(0, gone);
      this.#values.forEach((values) => values.splice(0, gone));
    }
    this.#stale = true;
  }

  get isEmpty(): boolean {
    return this.#times.length === 0;
  }

  /** Draws what has come. */
  draw(): void {
    const width = this.element.clientWidth;
    if (width === 0 || this.isEmpty || (!this.#stale && width === this.#width)) {
      return;
    }
    this.#stale = false;
    const data = [this.#times, ...this.#values] as uPlot.AlignedData;
    if (this.#plot === undefined) {
      this.#plot = new uPlot(this.#options(width), data, this.element);
      this.element.setAttribute("aria-label", `Chart of ${this.#names.join(", ")}`);
    } else {
      this.#plot.setData(data);
    }
    if (width !== this.#width) {
      this.#width = width;
      this.#plot.setSize({ width, height: HEIGHT });
    }
  }

  /** Draws with the colours of now. */
  recolour(): void {
    this.#destroy();
    this.#stale = true;
  }

  #destroy(): void {
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  #options(width: number): uPlot.Options {
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string): string => style.getPropertyValue(name).trim();
    const axis: uPlot.Axis = {
      stroke: colour("--muted"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { stroke: colour("--line"), width: 1 },
      font: "12px system-ui, sans-serif",
    };
    const series = this.#names.map((name, at) => ({
      label: name,
      stroke: colour(`--series-${(at % MOST_SERIES) + 1}`),
      width: 1.75,
      spanGaps: true,
      points: { show: this.#times.length < 60, size: 5 },
    }));
    return {
      width,
      height: HEIGHT,
      series: [{ label: "Time" }, ...series],
      axes: [axis, { ...axis, size: 56 }],
      cursor: { points: { size: 7 } },
      legend: { live: true },
    };
  }
}

const HEIGHT = 240;
