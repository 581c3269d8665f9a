import { type AuditRecord, isRecord, readRecord, Unreadable } from "../../telemetry/audit/record.js";
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
  for (const file of files)
    for await (const lines of linesOf(file))
      for (const line of lines) if (line.text.includes(text)) take(line.text, `${file}:${line.number}`, wanted, found);
  return found;
}

function take(text: string, place: string, wanted: Wanted, found: Recorded): void {
  const read = readRecord(text);
  if (isRecord(read)) record(read, wanted, found);
  else if (read === Unreadable.Foreign) logLine(text, wanted, found);
  else if (wanted.hash === undefined && namesMessage(text, wanted)) {
    const what = "a record that names the message and does not hold: stowage audit verify says more";
    found.entries.push({ source: Source.Audit, where: place, what });
  }
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
