/** One line of a text that is read as it comes. */
export interface Line {
  /** From 1. */
  number: number;
  text: string;
  /** Bytes of the input up to the end of this line. */
  bytes: number;
}

/** A line that is longer than may be held, or no UTF-8. */
export class LineError extends Error {
  constructor(
    readonly line: number,
    readonly reason: string,
  ) {
    super(`line ${line}: ${reason}`);
    this.name = "LineError";
  }
}

const LINE_FEED = 0x0a;

/**
 * The lines of a stream of UTF-8, one at a time: no more is held than one line and one piece of the stream. A carriage
 * return before the line feed, and a byte order mark at the beginning, do not count.
 * @param mostBytes of one line
 * @throws LineError for a line that is longer, or is no UTF-8
 */
export async function* linesOf(input: AsyncIterable<Uint8Array>, mostBytes: number): AsyncGenerator<Line> {
  let [number, bytes, held] = [0, 0, 0];
  let parts: Uint8Array[] = [];
  const take = (end: Uint8Array): Line => {
    number++;
    const whole = parts.length === 0 ? end : Buffer.concat([...parts, end]);
    parts = [];
    held = 0;
    return { number, text: decoded(whole, number), bytes };
  };
  for await (const piece of input) {
    let from = 0;
    for (let at = piece.indexOf(LINE_FEED); at !== -1; at = piece.indexOf(LINE_FEED, from)) {
      if (held + at - from > mostBytes) throw tooLong(number + 1, mostBytes);
      const end = piece.subarray(from, at);
      bytes += at + 1 - from;
      from = at + 1;
      yield take(end);
    }
    const rest = piece.subarray(from);
    held += rest.byteLength;
    bytes += rest.byteLength;
    if (held > mostBytes) throw tooLong(number + 1, mostBytes);
    // The stream may fill its piece again.
    if (rest.byteLength > 0) parts.push(Uint8Array.from(rest));
  }
  if (held > 0) yield take(new Uint8Array());
}

function tooLong(line: number, mostBytes: number): LineError {
  return new LineError(line, `is longer than ${mostBytes} bytes, more than any message that the entity takes`);
}

function decoded(bytes: Uint8Array, line: number): string {
  try {
    // It drops a byte order mark, which only the first line may have.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: line !== 1 }).decode(bytes).replace(/\r$/, "");
  } catch {
    throw new LineError(line, "is no UTF-8");
  }
}
