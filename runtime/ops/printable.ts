/** Text of others as it is shown on a terminal: on one line, and no control character reaches it. */
export function printable(text: string, most = Number.POSITIVE_INFINITY): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (c) => (c === "\n" || c === "\t" ? " " : "\ufffd"));
  return clean.length > most ? `${clean.slice(0, most - 1)}…` : clean;
}
