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
