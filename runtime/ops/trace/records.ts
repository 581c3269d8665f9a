import {
  type AuditRecord,
  beginsGroup,
  chainOf,
  GROUP_RECORDS,
  GroupText,
  isRecord,
  readRecord,
} from "../../telemetry/audit/record.js";
import { linesOf, sizesOf } from "../audit/lines.js";
import { Source, type TraceEntry } from "./entry.js";
import { isWanted, type Wanted } from "./wanted.js";

/** What audit files and collected output tell of a message, and what helps to find it elsewhere. */
export interface Recorded {
  entries: TraceEntry[];
  /** Ids of messages that were found, by entity: of a hash nothing else tells them. */
  found: { entity: string; messageId: string }[];
  /** What outcomes say that holds the effect. */
  objects: string[];
  /** Sessions that the message was of. */
  sessions: string[];
}

/** Reads audit files and collected output of workers. Throws an InvalidInputError for what is no file. */
export async function recordsOf(files: string[], wanted: Wanted): Promise<Recorded> {
  await sizesOf(files);
  const found: Recorded = { entries: [], found: [], objects: [], sessions: [] };
  // A line that does not hold the id as JSON writes it need not be read.
  const text = wanted.hash === undefined && wanted.messageId !== undefined ? JSON.stringify(wanted.messageId) : "";
  for (const file of files) {
    const groups = new Map<string, Group>();
    for await (const lines of linesOf(file))
      for (const line of lines) {
        const chain = chainOf(line.text);
        if (chain === undefined) {
          if (line.text.includes(text)) logLine(line.text, wanted, found);
          continue;
        }
        const group = groups.get(chain) ?? { text: new GroupText(), wanted: [] };
        groups.set(chain, group);
        if (beginsGroup(line.text) || group.text.length >= GROUP_RECORDS) end(group, false, wanted, found);
        if (line.text.includes(text)) group.wanted.push({ text: line.text, place: `${file}:${line.number}` });
        const holds = group.text.take(line.text);
        if (holds !== undefined) end(group, holds, wanted, found);
      }
    // A writer that was killed in the middle of a group had not been told that it was written.
    for (const group of groups.values()) end(group, false, wanted, found);
  }
  return found;
}

/** Records that hold together, and those of them that may be of the message. */
interface Group {
  text: GroupText;
  wanted: { text: string; place: string }[];
}

/** What a group tells of the message, once it is known whether it holds. */
function end(group: Group, holds: boolean, wanted: Wanted, found: Recorded): void {
  for (const { text, place } of group.wanted) {
    const read = readRecord(text);
    if (holds && isRecord(read)) record(read, wanted, found);
    else if (wanted.hash === undefined && namesMessage(text, wanted)) {
      const what = "a record that names the message and does not hold: stowage audit verify says more";
      found.entries.push({ source: Source.Audit, where: place, what });
    }
  }
  group.wanted = [];
  group.text.clear();
}

function namesMessage(text: string, { messageId }: Wanted): boolean {
  return text.includes(`"message":${JSON.stringify(messageId)}`);
}

function record(read: AuditRecord, wanted: Wanted, found: Recorded): void {
  if (read.kind !== "intent" && read.kind !== "outcome") return;
  const { entity, message: messageId } = read;
  if (!isWanted(wanted, entity, messageId)) return;
  if (!found.found.some((each) => each.entity === entity && each.messageId === messageId))
    found.found.push({ entity, messageId });
  const entry = {
    ...{ time: read.time, source: Source.Audit, traceId: read.trace },
    where: `${read.worker} ${read.chain}#${read.sequence}`,
  };
  if (read.kind === "outcome") {
    if (read.object !== undefined) found.objects.push(read.object);
    found.entries.push({ ...entry, what: outcomeText(read) });
    return;
  }
  if (read.session !== undefined) found.sessions.push(read.session);
  found.entries.push({ ...entry, what: intentText(read), bodySha256: read.body });
}

function intentText(intent: Extract<AuditRecord, { kind: "intent" }>): string {
  const { operation, delivery, attempt, identity, producer, sequenceNumber } = intent;
  const by = identity === undefined ? "" : `, as ${identity}`;
  const from = producer === undefined ? "" : `, sent by ${producer}`;
  return `intent: ${operation}, delivery ${delivery} attempt ${attempt} of number ${sequenceNumber}${by}${from}`;
}

function outcomeText(outcome: Extract<AuditRecord, { kind: "outcome" }>): string {
  const { result, duplicate, code, object, closes } = outcome;
  const how = code ?? (duplicate === true ? "it was done before" : "");
  const where = object === undefined ? "" : ` -> ${object}`;
  const closed = closes === undefined ? "" : `, which closes ${closes.map((each) => `#${each}`).join(", ")}`;
  return `${result}${how === "" ? "" : ` (${how})`}${where}${closed}`;
}

/** A line of a worker's log that is about the message. */
function logLine(text: string, wanted: Wanted, found: Recorded): void {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch {
    return;
  }
  if (typeof line !== "object" || line === null) return;
  const { messageId, msg, time, worker, traceId, delivery, reason, code, description } = line as {
    [field: string]: unknown;
  };
  // The log names no entity: a worker has one pipeline, and a pipeline one entity.
  if (typeof messageId !== "string" || messageId !== wanted.messageId || typeof msg !== "string") return;
  const detail = [reason, code, description].filter((each) => typeof each === "string").join(": ");
  const count = typeof delivery === "number" ? `, delivery ${delivery}` : "";
  found.entries.push({
    source: Source.Log,
    where: typeof worker === "string" ? worker : "",
    what: `${msg}${count}${detail === "" ? "" : ` (${detail})`}`,
    ...(typeof time === "string" ? { time } : {}),
    ...(typeof traceId === "string" ? { traceId } : {}),
  });
}
