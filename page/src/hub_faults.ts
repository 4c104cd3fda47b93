/** Faults of a local hub. */

import { A_DAY, moments, type Traffic } from "./fault_moments";
import type { Service } from "./service";

const TRAFFIC: Traffic = {
  incoming: ["received", "telemetry", "twin_get", "twin_patch", "method_response", "subscribe", "acknowledgement"],
  outgoing: ["sent", "connack", "puback", "suback", "twin_answer", "desired_patch", "cloud_message", "method_request"],
  message: "cloud_message",
  answered: ["twin_request", "twin_get", "twin_patch", "request"],
  requests: ["request"],
};

export const HUB_FAULTS: Service["faults"] = {
  moments: {
    ...moments(TRAFFIC),
    throttle: ["now"],
    quota_exceeded: ["now"],
  },
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
