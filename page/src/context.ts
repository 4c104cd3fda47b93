/** What every view gets. */

import type { Api } from "./api";
import type { Service } from "./service";
import type { Store } from "./store";

export interface Context {
  api: Api;
  store: Store;
  service: Service;
  /** The kinds of entries that the service records. */
  records: readonly string[];
}

/** A part of the page that is shown at a time. */
export interface View {
  element: HTMLElement;
  /** Called a few times a second while it is shown, if something came. */
  draw?(): void;
  /** Called when the colours have changed. */
  recolour?(): void;
  /** Called when another view takes its place. */
  leave?(): void;
}

/** A device, or a module of one. */
export interface Target {
  device: string;
  module?: string | undefined;
}
