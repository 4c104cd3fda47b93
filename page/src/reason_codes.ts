/** Names of reason codes (MQTT 5, §2.4). Return codes of MQTT 3.1.1 are lower, except 0x80 in SUBACK. */

const NAMES: Record<number, string> = {
  0x10: "no matching subscribers",
  0x80: "unspecified error",
  0x81: "malformed packet",
  0x82: "protocol error",
  0x83: "implementation specific error",
  0x84: "unsupported protocol version",
  0x85: "client identifier not valid",
  0x86: "bad user name or password",
  0x87: "not authorized",
  0x88: "server unavailable",
  0x89: "server busy",
  0x8a: "banned",
  0x8b: "server shutting down",
  0x8c: "bad authentication method",
  0x8d: "keep alive timeout",
  0x8e: "session taken over",
  0x8f: "topic filter invalid",
  0x90: "topic name invalid",
  0x91: "packet identifier in use",
  0x93: "receive maximum exceeded",
  0x94: "topic alias invalid",
  0x95: "packet too large",
  0x96: "message rate too high",
  0x97: "quota exceeded",
  0x98: "administrative action",
  0x99: "payload format invalid",
  0x9a: "retain not supported",
  0x9b: "QoS not supported",
  0x9c: "use another server",
  0x9d: "server moved",
  0x9e: "shared subscriptions not supported",
  0x9f: "connection rate exceeded",
  0xa1: "subscription identifiers not supported",
  0xa2: "wildcard subscriptions not supported",
};

export const NOT_AUTHORIZED = 0x87;

/** The name of a code in a packet of this type. */
export function codeName(code: unknown, type: unknown): string {
  if (type === "SUBACK" && typeof code === "number" && code < 3) {
    return `granted QoS ${code}`;
  }
  if (code === 0) {
    return "success";
  }
  const name = typeof code === "number" ? NAMES[code] : undefined;
  return name === undefined ? `code ${String(code)}` : `0x${Number(code).toString(16)} ${name}`;
}
