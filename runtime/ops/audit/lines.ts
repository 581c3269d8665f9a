import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { InvalidInputError, problem } from "../../contract/index.js";

/** A line of a file; `whole` is false for bytes at its end that no line feed ends. */
export interface FileLine {
  /** From 1. */
  number: number;
  text: string;
  whole: boolean;
  /** The bytes of what is not whole. */
  bytes?: Buffer;
}

/** The longest record: one that carries as many open intents as are remembered, with ids of 128 characters. In bytes. */
const LONGEST_LINE = 8 * 1024 * 1024;
const READ_BYTES = 1024 * 1024;

/** The lines of a file, many at a time; never more of it in memory than a few lines and one read. */
export async function* linesOf(path: string, read: (bytes: number) => void = () => undefined) {
  let rest: Buffer = Buffer.alloc(0);
  let number = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES })) {
    if (!Buffer.isBuffer(chunk)) throw new Error("a stream of bytes gave something else");
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const lines: FileLine[] = [];
    let from = 0;
    for (let end = bytes.indexOf("\n"); end >= 0; end = bytes.indexOf("\n", from)) {
      lines.push({ number: ++number, text: bytes.toString("utf8", from, end), whole: true });
      from = end + 1;
    }
    rest = bytes.subarray(from);
    if (rest.length > LONGEST_LINE) {
      const fix = "Give the files that a worker's audit wrote, or what was collected of its output";
      throw new InvalidInputError("Invalid input", [
        problem(path, undefined, `line ${number + 1} is longer than ${LONGEST_LINE} bytes: no record is`, fix),
      ]);
    }
    read(chunk.length);
    yield lines;
  }
  if (rest.length > 0) yield [{ number: number + 1, text: rest.toString("utf8"), whole: false, bytes: rest }];
}

/** Sizes of the files. Throws an InvalidInputError with all of those that are no files. */
export async function sizesOf(paths: string[]): Promise<number[]> {
  const problems: ReturnType<typeof problem>[] = [];
  const sizes: number[] = [];
  for (const path of paths) {
    try {
      const found = await stat(path);
      if (!found.isFile()) throw new Error("it is not a file");
      sizes.push(found.size);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      problems.push(problem(path, undefined, `cannot be read: ${why}`, "Give the paths of audit files"));
    }
  }
  if (problems.length > 0) throw new InvalidInputError("Invalid input", problems);
  return sizes;
}
