/** Where a command speaks to a person: standard error, so that standard output is only the result. */
export interface Screen {
  /** A line that stays. */
  line(text: string): void;
  /** A block that is drawn over its last drawing on a terminal; elsewhere at most one every few seconds. */
  block(lines: string[]): void;
}

/** How often a block is printed where it cannot be redrawn, in milliseconds. */
const LOG_EVERY_MS = 5_000;

/** A screen on a stream: redraws on a terminal, prints now and then elsewhere. */
export function screen(stream: NodeJS.WriteStream, now: () => number = Date.now): Screen {
  let drawn = 0;
  let printedAt = Number.NEGATIVE_INFINITY;
  return {
    line(text) {
      drawn = 0;
      stream.write(`${text}\n`);
    },
    block(lines) {
      if (stream.isTTY) {
        // Up over the last drawing, then clear to the end of the screen.
        const back = drawn === 0 ? "" : `\u001b[${drawn}A\u001b[J`;
        stream.write(`${back}${lines.join("\n")}\n`);
        drawn = lines.length;
      } else if (now() - printedAt >= LOG_EVERY_MS) {
        printedAt = now();
        stream.write(`${lines.join("\n")}\n`);
      }
    },
  };
}
