/** Faults of a local namespace. */

import { A_DAY, moments, type Traffic } from "./fault_moments";
import type { Service } from "./service";

const TRAFFIC: Traffic = {
  incoming: ["received", "publish", "subscribe", "unsubscribe", "acknowledgement"],
  outgoing: ["sent", "connack", "puback", "suback", "message"],
  message: "message",
  answered: ["publish", "subscribe"],
};

export const NAMESPACE_FAULTS: Service["faults"] = {
  moments: moments(TRAFFIC),
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
