/** Topic filters of MQTT (MQTT 5, §4.7). */

/** The service's limit for a topic or filter, in bytes. */
const LONGEST = 256;

/** What is wrong with a filter; empty if it is valid. */
export function problem(filter: string): string {
  if (new TextEncoder().encode(filter).length > LONGEST) {
    return `A filter has at most ${LONGEST} bytes.`;
  }
  const levels = filter.split("/");
  if (levels.some((level) => level.length > 1 && /[+#]/.test(level))) {
    return "+ and # must stand alone in a level, as in rooms/+/temperature.";
  }
  return levels.slice(0, -1).includes("#") ? "# is only allowed in the last level, as in rooms/#." : "";
}

/** Whether the filter may match several topics. */
export function isWide(filter: string): boolean {
  return /(^|\/)([+]|#$)/.test(filter);
}

/** Whether topics match a filter. */
export function matcher(filter: string): (topic: string) => boolean {
  if (!isWide(filter)) {
    return (topic) => topic === filter;
  }
  const levels = filter.split("/");
  const isOpen = levels.at(-1) === "#";
  const fixed = isOpen ? levels.slice(0, -1) : levels;
  const isHidden = (topic: string): boolean => topic.startsWith("$") && /^[+#]/.test(filter);
  return (topic) => {
    const found = topic.split("/");
    // `a/#` matches `a`, too.
    const fits = isOpen ? found.length >= fixed.length : found.length === fixed.length;
    return fits && !isHidden(topic) && fixed.every((level, at) => level === "+" || level === found[at]);
  };
}
