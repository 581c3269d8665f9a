import { appendFile, readFile } from "node:fs/promises";
import { defineSink, done, type Outcome, type SinkMessage } from "stowage/runtime";

interface Options {
  file: string;
}

/** What `start` gives: here the keys that the file has already. */
interface Journal {
  file: string;
  keys: Set<string>;
}

/** Appends each message as a line of JSON, once: a line that is there is found again after a restart. */
export default defineSink<Options, Journal>({
  name: "journal",
  options: ({ file }) => {
    if (file === undefined) throw new Error("the option file is missing");
    return { file };
  },
  start: async ({ options: { file } }) => ({ file, keys: new Set(await keysIn(file)) }),
  process: (batch, context, journal) =>
    Promise.all(batch.map((message) => context.call("append", () => append(message, journal)))),
  probe: async ({ file }) => appendFile(file, "", { flush: true }),
});

async function append(message: SinkMessage, { file, keys }: Journal): Promise<Outcome> {
  if (keys.has(message.key)) return done({ duplicate: true });
  const line = JSON.stringify({ key: message.key, body: message.body.toString("utf8") });
  await appendFile(file, `${line}\n`, { flush: true });
  keys.add(message.key);
  return done({ object: file });
}

async function keysIn(file: string): Promise<string[]> {
  const text = await readFile(file, { encoding: "utf8", flag: "a+" });
  // A torn last line is of a message that was not settled: it comes again.
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { key: string }).key);
}
