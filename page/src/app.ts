/** The page: its frame, the addresses of its views, and the time at which they are drawn. */

import { address } from "./address";
import { Api } from "./api";
import type { Context, View } from "./context";
import { fill, h, say } from "./dom";
import { count } from "./format";
import { HUB } from "./hub";
import { NAMESPACE } from "./namespace";
import type { Service } from "./service";
import { closeSession, openSession, type Session } from "./session";
import { Store } from "./store";
import { Stream } from "./stream";

/** Milliseconds between two drawings: what is drawn more often nobody can read. Four times as many where much comes. */
const PACE = 250;
const MUCH = 100;

const STATES = {
  connecting: "Connecting…",
  live: "Live",
  waiting: "Reconnecting…",
  ended: "Ended",
} as const;

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

  #home: string;

  constructor(
    session: Session,
    private readonly service: Service,
  ) {
    const api = new Api(session, (path) => service.version(path), () => this.#end());
    this.#context = { api, store: this.#store, service, records: session.records };
    this.#home = service.places[0]?.[0] ?? "";
    document.title = `${session.hostname} – azmqtt`;
    const brand = h("a", { class: "brand", href: `#/${this.#home}` }, h("span", { class: "mark", "aria-hidden": "true" }), "azmqtt");
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
    const stream = new Stream(this.#context.api.authorization, this.#context.records, {
      entry: (entry, size) => store.entry(entry, size),
      lost: (kind, lost) => store.leaveOut(kind, lost),
      arrived: () => undefined,
      state: (state) => (store.state = state),
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
    this.#view = this.service.view(this.#context, parts);
    const current = parts[0] ?? this.#home;
    fill(
      this.#nav,
      ...this.service.places.map(([name, title]) =>
        h("a", { href: `#/${name}`, "aria-current": name === current ? "page" : undefined, class: name }, title),
      ),
    );
    fill(this.#main, this.#view.element);
    this.#nav.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
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
      const { state, rate, leftOut } = this.#store;
      this.#state.dataset["state"] = state;
      say(this.#state, STATES[state]);
      const hidden = leftOut > 0 ? `, ${count(leftOut)} not shown` : "";
      say(this.#rate, `${count(Math.round(rate.perSecond))} messages/s${hidden}`);
      this.#view?.draw?.();
    });
  }

  /** The service does not know the token: it was started anew, or others have taken its place. */
  #end(): void {
    if (!this.#over) {
      this.#over = true;
      this.#view?.leave?.();
      closeSession();
      closed(
        "This tab is not connected any more",
        `The ${this.service.word} was started again, or too many tabs were opened since.`,
        this.service,
      );
    }
  }
}

/** How to make a link. */
const LINKS = {
  hub: ["azmqtt hub --open", "azmqtt hub page --trust ca.pem", "hub.page_url()"],
  namespace: ["azmqtt namespace --open", "azmqtt namespace page --trust ca.pem", "namespace.page_url()"],
};

/** What is shown without a token. */
function closed(title: string, reason: string, service?: Service): void {
  const links = [HUB, NAMESPACE].filter((each) => service === undefined || each === service).map(({ word }) => LINKS[word]);
  fill(
    document.body,
    h(
      "main",
      { class: "closed" },
      h("span", { class: "mark large", "aria-hidden": "true" }),
      h("h1", {}, title),
      h("p", {}, reason),
      h("p", {}, "Make a link. It works once, within a minute:"),
      h("pre", {}, links.map(([open, page]) => `${open}\n${page}`).join("\n\n")),
      h("p", { class: "muted" }, `In Python: ${links.map(([, , url]) => `webbrowser.open(${url})`).join(" or ")}`),
    ),
  );
}

async function start(): Promise<void> {
  const session = await openSession().catch(() => undefined);
  if (session === undefined) {
    closed("This page needs a link", "The page can change everything in the hub or namespace, so it opens only with a link.");
  } else {
    new App(session, session.kind === "hub" ? HUB : NAMESPACE);
  }
}

void start();
