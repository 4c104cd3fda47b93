/** When each fault of a local service may strike. */

/** The moments of one service, by their names in rules. */
export interface Traffic {
  /** Packets to the service. */
  incoming: string[];
  /** Packets from the service. */
  outgoing: string[];
  /** The one of these that brings a message. */
  message: string;
  /** Those that may be answered with an error. */
  answered: string[];
  /** HTTPS requests, if faults may strike them. */
  requests?: string[];
}

/** The moments by fault; the first of each is the default. */
export function moments({ incoming, outgoing, message, answered, requests = [] }: Traffic): Record<string, string[]> {
  const but = (one: string): string[] => outgoing.filter((on) => on !== one);
  return {
    drop: ["now", "accept", "connect", ...requests, ...incoming, ...outgoing],
    lose: ["puback", ...but("puback"), ...incoming, ...requests],
    delay: ["puback", "now", "accept", "connect", ...requests, ...incoming, ...but("puback")],
    duplicate: [message, ...but(message)],
    cut: outgoing,
    corrupt: ["now", ...outgoing],
    refuse: ["connect"],
    silence: ["now", "accept", "connect", ...incoming],
    reset: ["accept"],
    shut_down: ["now"],
    answer: answered,
    expire_token: ["now", ...incoming],
    take_over: ["now", ...incoming],
  };
}

/** In seconds: longer than anybody looks at the page. */
export const A_DAY = 86_400;
