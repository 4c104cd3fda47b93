/** Faults of a local hub. */

import type { Service } from "./service";

const INCOMING = ["received", "telemetry", "twin_get", "twin_patch", "method_response", "subscribe", "acknowledgement"];
const OUTGOING = ["sent", "connack", "puback", "suback", "twin_answer", "desired_patch", "cloud_message", "method_request"];

const MOMENTS: Record<string, string[]> = {
  drop: ["now", "accept", "connect", "request", ...INCOMING, ...OUTGOING],
  lose: ["puback", ...OUTGOING.filter((on) => on !== "puback"), ...INCOMING, "request"],
  delay: ["puback", "now", "accept", "connect", "request", ...INCOMING, ...OUTGOING.filter((on) => on !== "puback")],
  duplicate: ["cloud_message", ...OUTGOING.filter((on) => on !== "cloud_message")],
  cut: OUTGOING,
  corrupt: ["now", ...OUTGOING],
  refuse: ["connect"],
  silence: ["now", "accept", "connect", ...INCOMING],
  reset: ["accept"],
  shut_down: ["now"],
  answer: ["twin_request", "twin_get", "twin_patch", "request"],
  expire_token: ["now", ...INCOMING],
  take_over: ["now", ...INCOMING],
  throttle: ["now"],
  quota_exceeded: ["now"],
};

/** In seconds: longer than anybody looks at the page. */
const A_DAY = 86_400;

export const HUB_FAULTS: Service["faults"] = {
  moments: MOMENTS,
  switches: [
    { title: "Throttling", hint: "Over the rate: telemetry waits, requests get status 429", rule: { fault: "throttle", lasting: A_DAY } },
    { title: "Quota used up", hint: "Telemetry closes the connection", rule: { fault: "quota_exceeded", lasting: A_DAY } },
    { title: "Refuse connections", hint: "CONNACK 3: the server is unavailable", rule: { fault: "refuse", on: "connect", code: 3, lasting: A_DAY } },
    { title: "Lose acknowledgements", hint: "Messages arrive, but no PUBACK is sent", rule: { fault: "lose", on: "puback", lasting: A_DAY } },
    { title: "Slow network", hint: "Everything to devices arrives 2 s later", rule: { fault: "delay", on: "sent", seconds: 2, lasting: A_DAY } },
    { title: "Service errors", hint: "Twin requests get status 503", rule: { fault: "answer", on: "twin_request", status: 503, lasting: A_DAY } },
  ],
  target: { member: "device_id", one: "device", all: "All devices" },
  status: (fault) => (fault === "refuse" ? "code" : "status"),
  statusLabel: "Status or code",
};
