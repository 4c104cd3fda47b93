/** The page: its frame, the addresses of its views, and the time at which they are drawn. */

import { Api } from "./api";
import type { Context, View } from "./context";
import { fill, h, say } from "./dom";
import { count } from "./format";
import { closeSession, openSession, type Session } from "./session";
import { Store } from "./store";
import { Stream } from "./stream";
import { Device } from "./views/device";
import { Devices } from "./views/devices";
import { Events } from "./views/events";
import { Faults } from "./views/faults";
import { Packets } from "./views/packets";

/** Milliseconds between two drawings: what is drawn more often nobody can read. Four times as many where much comes. */
const PACE = 250;
const MUCH = 100;

const PLACES = [
  ["devices", "Devices"],
  ["packets", "Packets"],
  ["events", "Events"],
  ["refusals", "Refusals"],
  ["faults", "Faults"],
] as const;

const STATES = {
  connecting: "Connecting…",
  live: "Live",
  waiting: "Reconnecting…",
  ended: "Ended",
} as const;

function viewOf(context: Context, parts: string[]): View {
  const [place, device, word, module, tab] = parts;
  if (place === "devices" && device !== undefined) {
    return word === "modules" && module !== undefined
      ? new Device(context, { device, module }, tab ?? "")
      : new Device(context, { device }, word ?? "");
  }
  switch (place) {
    case "packets":
      return new Packets(context);
    case "events":
      return new Events(context);
    case "refusals":
      return new Events(context, undefined, "Refusals");
    case "faults":
      return new Faults(context);
    default:
      return new Devices(context);
  }
}

/** The parts of the address behind `#/`. */
function address(): string[] {
  const parts = location.hash.replace(/^#\/?/, "").split("/");
  return parts.filter((part) => part !== "").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
}

class App {
  #main = h("main", { id: "main", tabindex: -1 });
  #nav = h("nav", { class: "places", "aria-label": "Views" });
  #state = h("span", { class: "live", role: "status" });
  #rate = h("span", { class: "rate" });
  #store = new Store();
  #view: View | undefined;
  #context: Context;
  #over = false;
  #turn = 0;

  constructor(session: Session) {
    this.#context = { api: new Api(session, () => this.#end()), store: this.#store };
    document.title = `${session.hostname} – azmqtt`;
    const brand = h("a", { class: "brand", href: "#/devices" }, h("span", { class: "mark", "aria-hidden": "true" }), "azmqtt");
    fill(
      document.body,
      h("a", { class: "skip", href: "#main", onclick: (event: Event) => (event.preventDefault(), this.#main.focus()) }, "Skip to content"),
      h("header", { class: "bar" }, brand, h("span", { class: "host" }, session.hostname), h("span", { class: "grow" }), this.#rate, this.#state),
      h("div", { class: "frame" }, this.#nav, this.#main),
    );
    addEventListener("hashchange", () => this.#go());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#view?.recolour?.());
    this.#go();
    this.#watch();
    setInterval(() => this.#draw(), PACE);
  }

  #watch(): void {
    const store = this.#store;
    const stream = new Stream(this.#context.api.authorization, {
      entry: (entry) => store.entry(entry),
      lost: (_, lost) => (store.lost += lost),
      arrived: () => undefined,
      state: (state) => (store.state = state),
      noPackets: () => (store.recordsPackets = false),
      refused: () => this.#end(),
    });
    void stream.run();
  }

  #go(): void {
    if (this.#over) {
      return;
    }
    const parts = address();
    this.#view?.leave?.();
    this.#view = viewOf(this.#context, parts);
    const current = parts[0] ?? "devices";
    fill(
      this.#nav,
      ...PLACES.map(([name, title]) =>
        h("a", { href: `#/${name}`, "aria-current": name === current ? "page" : undefined, class: name }, title),
      ),
    );
    fill(this.#main, this.#view.element);
    scrollTo(0, 0);
    this.#draw();
  }

  #draw(): void {
    // What nobody sees is not drawn.
    this.#turn += 1;
    if (document.hidden || this.#over || (this.#store.rate.perSecond > MUCH && this.#turn % 4 !== 0)) {
      return;
    }
    requestAnimationFrame(() => {
      const { state, rate, lost } = this.#store;
      this.#state.dataset["state"] = state;
      say(this.#state, STATES[state]);
      const missed = lost > 0 ? `, ${count(lost)} missed` : "";
      say(this.#rate, `${count(Math.round(rate.perSecond))} messages/s${missed}`);
      this.#view?.draw?.();
    });
  }

  /** The service does not know the token: it was started anew, or others have taken its place. */
  #end(): void {
    if (!this.#over) {
      this.#over = true;
      this.#view?.leave?.();
      closeSession();
      closed("This tab is not connected any more", "The hub was started anew, or too many tabs were opened since.");
    }
  }
}

/** What is shown without a token. */
function closed(title: string, reason: string): void {
  fill(
    document.body,
    h(
      "main",
      { class: "closed" },
      h("span", { class: "mark large", "aria-hidden": "true" }),
      h("h1", {}, title),
      h("p", {}, reason),
      h("p", {}, "Open the page by a link, which is good once and for a minute:"),
      h("pre", {}, "azmqtt hub page --trust ca.pem\nazmqtt hub --open"),
      h("p", { class: "muted" }, "In Python: webbrowser.open(hub.page_url())"),
    ),
  );
}

async function start(): Promise<void> {
  const session = await openSession().catch(() => undefined);
  if (session === undefined) {
    closed("This page needs a link", "It may do everything with the hub, so that not everybody who finds it gets in.");
  } else if (session.kind === "namespace") {
    closed("This is a namespace", "The page shows local hubs.");
  } else {
    new App(session);
  }
}

void start();
