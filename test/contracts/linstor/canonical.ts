import { isLosslessNumber, parse } from "lossless-json";

/** A JSON value whose numbers keep their text. */
export type Parsed = unknown;

/** One entry of an answer, with its return code as text. */
export interface Entry {
  code: string;
  message: string;
  fields: { [key: string]: Parsed };
}

export function isObject(value: unknown): value is { [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isLosslessNumber(value);
}

export function parseExactly(text: string): Parsed {
  return text === "" ? "" : parse(text);
}

/** The entries of a list of return codes; undefined for any other body. */
export function entriesOf(value: Parsed): Entry[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const entries = value.map((item) => {
    if (!isObject(item)) return undefined;
    const { ret_code: code, message, ...fields } = item;
    return isLosslessNumber(code) && typeof message === "string"
      ? { code: code.toString(), message, fields }
      : undefined;
  });
  return entries.every((e) => e !== undefined) ? entries : undefined;
}

/** What satellites report in one go: entries of one node that stand together. */
interface Block {
  node: string;
  entries: Entry[];
}

/** Words of the controller once a satellite has answered; the node is the one that answered. */
const PHASES = [
  /^Created resource '.*' on '(.+)'$/,
  /^Added peer\(s\) .* to resource '.*' on '(.+)'$/,
  /^Resource '.*' on '(.+)' marked for deletion$/,
  /^Resource '.*' on '(.+)' deleted$/,
  /^Resource '.*' updated on node '(.+)'$/,
  /^(?:Suspended|Resumed) IO of '.*' on '([^']+)'/,
  /^Took snapshot of '.*' on '(.+)'$/,
  /^Aborted snapshot and resumed IO of '.*' on '(.+)'$/,
  /^Deleted snapshot '.*' of '.*' on '(.+)'$/,
  /^Prepared '(.+)' to expect disk on '.*'$/,
  /^(?:Added|Removed) disk on '(.+)'$/,
  /^Notified '(.+)' that disk has been removed on '.*'$/,
  /^Updated volume \d+ of '.*' on '(.+)'$/,
  /^Resized resource '.*' on '(.+)'$/,
];

function nodeOf(message: string): string | undefined {
  const own = /^\(([^)]+)\) /.exec(message)?.[1];
  return own ?? PHASES.map((p) => p.exec(message)?.[1]).find((node) => node !== undefined);
}

/**
 * Satellites answer in the order in which they are done, so that the blocks of one round may come in any order; within
 * a satellite, and around the round, the order is the controller's. Blocks that follow each other are sorted by node,
 * those of one node stay in their order.
 */
export function canonical(entries: readonly Entry[]): Entry[] {
  const out: Entry[] = [];
  let run: Block[] = [];
  const flush = () => {
    out.push(...run.sort((a, b) => (a.node < b.node ? -1 : a.node > b.node ? 1 : 0)).flatMap((b) => b.entries));
    run = [];
  };
  for (const entry of entries) {
    const node = nodeOf(entry.message);
    if (node === undefined) {
      flush();
      out.push(entry);
      continue;
    }
    const last = run.at(-1);
    if (last?.node === node) last.entries.push(entry);
    else run.push({ node, entries: [entry] });
  }
  flush();
  return out;
}
