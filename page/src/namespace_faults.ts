/** Faults of a local namespace. */

import type { Service } from "./service";

const INCOMING = ["received", "publish", "subscribe", "unsubscribe", "acknowledgement"];
const OUTGOING = ["sent", "connack", "puback", "suback", "message"];

const MOMENTS: Record<string, string[]> = {
  drop: ["now", "accept", "connect", ...INCOMING, ...OUTGOING],
  lose: ["puback", ...OUTGOING.filter((on) => on !== "puback"), ...INCOMING],
  delay: ["puback", "now", "accept", "connect", ...INCOMING, ...OUTGOING.filter((on) => on !== "puback")],
  duplicate: ["message", ...OUTGOING.filter((on) => on !== "message")],
  cut: OUTGOING,
  corrupt: ["now", ...OUTGOING],
  refuse: ["connect"],
  silence: ["now", "accept", "connect", ...INCOMING],
  reset: ["accept"],
  shut_down: ["now"],
  answer: ["publish", "subscribe"],
  expire_token: ["now", ...INCOMING],
  take_over: ["now", ...INCOMING],
};

/** In seconds: longer than anybody looks at the page. */
const A_DAY = 86_400;

export const NAMESPACE_FAULTS: Service["faults"] = {
  moments: MOMENTS,
  switches: [
    { title: "Refuse connections", hint: "CONNACK 0x88: the server is unavailable", rule: { fault: "refuse", on: "connect", code: 0x88, lasting: A_DAY } },
    { title: "Refuse messages", hint: "PUBACK 0x97: quota exceeded", rule: { fault: "answer", on: "publish", code: 0x97, lasting: A_DAY } },
    { title: "Lose acknowledgements", hint: "Messages arrive, but no PUBACK is sent", rule: { fault: "lose", on: "puback", lasting: A_DAY } },
    { title: "Lose messages", hint: "Subscribers get no messages", rule: { fault: "lose", on: "message", lasting: A_DAY } },
    { title: "Deliver twice", hint: "Subscribers get each message twice", rule: { fault: "duplicate", on: "message", lasting: A_DAY } },
    { title: "Slow network", hint: "Everything to clients arrives 2 s later", rule: { fault: "delay", on: "sent", seconds: 2, lasting: A_DAY } },
  ],
  target: { member: "client_id", one: "client id", all: "All clients" },
  status: () => "code",
  statusLabel: "Code",
};
