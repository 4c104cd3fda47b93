/** A chart of the numbers in messages. */

import uPlot from "uplot";

import { clock } from "./format";

/** Points that are kept: two minutes at ten points a second. */
const MOST = 1200;
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
    if (last === undefined || time > last) {
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

  /** Forgets everything. */
  clear(): void {
    this.#names = [];
    this.#times = [];
    this.#values = [];
    this.recolour();
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
      // A new plot clears its legend after this; the next drawing fills it in.
      this.#stale = true;
    } else {
      this.#plot.setData(data);
    }
    if (this.#plot.cursor.idx === null || this.#plot.cursor.idx === undefined) {
      this.#plot.setLegend({ idx: this.#times.length - 1 }, false);
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
      // With several sources, each has numbers at only some of the times.
      value: (plot: uPlot, value: number | null, of: number, index: number | null) => said(value ?? before(plot.data[of], index)),
      points: { show: this.#times.length < 60, size: 5 },
    }));
    return {
      width,
      height: HEIGHT,
      series: [{ label: "Time", value: (_, time: number | null) => (time === null ? "–" : hour(time)) }, ...series],
      axes: [{ ...axis, space: 90, values: (_, times) => times.map((time) => hour(time)) }, { ...axis, size: 56 }],
      cursor: { points: { size: 7 } },
      legend: { live: true },
    };
  }
}

const HEIGHT = 240;

/** How many points to search for the last number. */
const MOST_BEFORE = 100;

function before(values: ArrayLike<number | null | undefined> | undefined, index: number | null): number | null {
  for (let at = index ?? -1; values && at >= 0 && at > (index ?? 0) - MOST_BEFORE; at--) {
    const value = values[at];
    if (value !== null && value !== undefined) {
      return value;
    }
  }
  return null;
}

function said(value: number | null): string {
  return value === null ? "–" : value.toLocaleString("en");
}

/** A Unix time in seconds as the time of day; with tenths where it has some. */
function hour(time: number): string {
  const text = clock(new Date(time * 1000).toISOString());
  return text.endsWith(".000") ? text.slice(0, -4) : text.slice(0, -2);
}
