/** Cells of the bar. */
const WIDTH = 30;

/** One line that says how far a run is: `[#####     ] 50 %  500 of 1000  120/s  4 s left`. */
export function progressLine(done: number, total: number | undefined, elapsedMilliseconds: number): string {
  const rate = elapsedMilliseconds > 0 ? (done * 1_000) / elapsedMilliseconds : 0;
  const speed = `${rate < 10 ? rate.toFixed(1) : Math.round(rate)}/s`;
  if (total === undefined) return `${done}  ${speed}`;
  const part = total === 0 ? 1 : Math.min(1, done / total);
  const filled = Math.floor(part * WIDTH);
  const left = rate > 0 ? `  ${Math.ceil((total - done) / rate)} s left` : "";
  const bar = "#".repeat(filled).padEnd(WIDTH);
  return `[${bar}] ${Math.floor(part * 100)} %  ${done} of ${total}  ${speed}${done < total ? left : ""}`;
}

/** Text of others as it is shown on a terminal: on one line, and no control character reaches it. */
export function printable(text: string, most = Number.POSITIVE_INFINITY): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (c) => (c === "\n" || c === "\t" ? " " : "\ufffd"));
  return clean.length > most ? `${clean.slice(0, most - 1)}…` : clean;
}
