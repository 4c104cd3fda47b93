/** The page of a local hub. */

import { HUB_FAULTS } from "./hub_faults";
import { text } from "./format";
import type { Service } from "./service";
import { Device } from "./views/device";
import { Devices } from "./views/devices";
import { Events } from "./views/events";
import { Faults } from "./views/faults";
import { Packets } from "./views/packets";

export const HUB: Service = {
  word: "hub",
  places: [
    ["devices", "Devices"],
    ["packets", "Packets"],
    ["events", "Events"],
    ["refusals", "Refusals"],
    ["faults", "Faults"],
  ],
  messages: "telemetry",
  version: () => "api-version=2021-04-12",
  recordsPackets: "This hub does not record packets. Start it with --open or --packets, or use LocalHub(record_packets=True).",
  recordsMessages: "This hub does not record messages. Start it with LocalHub(record=True).",
  families: {
    "All events": () => true,
    Refusals: (type) => type.endsWith(".refused") || type === "method.failed" || type === "throttled",
    Connections: (type) => type.startsWith("connection."),
    Twins: (type) => type.startsWith("twin."),
    Methods: (type) => type.startsWith("method."),
    "Cloud-to-device": (type) => type.startsWith("c2d."),
    Devices: (type) => type.startsWith("device."),
    Uploads: (type) => type.startsWith("upload."),
    Faults: (type) => type === "fault.struck" || type === "throttled",
  },
  who: {
    title: "Device",
    of(event) {
      const module = text(event, "module_id");
      return `${text(event, "device_id") ?? text(event, "remote") ?? ""}${module === undefined ? "" : `/${module}`}`;
    },
  },
  faults: HUB_FAULTS,
  view(context, [place, device, word, module, tab]) {
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
  },
};
