import { writeFileSync } from "node:fs";
import { ExitCode } from "../../runtime/contract/index.js";
import {
  type DeadLetterLine,
  type DeadLetterWhole,
  describeLine,
  describeWhole,
} from "../../runtime/ops/deadletters/describe.js";
import { deadLetterBrowser } from "../../runtime/ops/deadletters/index.js";
import { printable } from "../../runtime/ops/printable.js";
import { checkListenRight } from "../../runtime/ops/rights.js";
import { type MessageCondition, selecting } from "../../runtime/ops/selection.js";
import { pathOf } from "../../runtime/ops/target.js";
import { entityOf, invalid, loginOf, withNamespace } from "./bus.js";
import type { SelectionOptions, ShowOptions } from "./commands/dlq.js";
import { stopping } from "./stopping.js";

/** Bytes of a body that are shown as text. */
const SHOWN_BYTES = 4_096;

/** What the options mean by "which dead letters". */
export async function conditionOf(options: SelectionOptions): Promise<MessageCondition> {
  const { reason, id, sequence, olderThan, newerThan, filter } = options;
  const now = Date.now();
  return selecting({
    ...(reason === undefined ? {} : { reasons: reason }),
    ...(id === undefined ? {} : { ids: id }),
    ...(sequence === undefined ? {} : { sequenceNumbers: sequence }),
    ...(olderThan === undefined ? {} : { before: new Date(now - olderThan) }),
    ...(newerThan === undefined ? {} : { after: new Date(now - newerThan) }),
    ...(filter === undefined ? {} : { filter: (await import("./sqlFilter.js")).sqlCondition(filter) }),
  });
}

/** Lists dead letters and counts them by reason. */
export async function list(options: SelectionOptions): Promise<ExitCode> {
  const { target } = entityOf(options);
  const means = await conditionOf(options);
  const signal = stopping();
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  return withNamespace(loginOf(options), async (namespace) => {
    const browser = deadLetterBrowser(namespace, target);
    await checkListenRight(browser, target, true);
    const reasons = new Map<string, number>();
    let [seen, matched] = [0, 0];
    for await (const message of browser.messages({ signal })) {
      seen++;
      if (!means(message)) continue;
      matched++;
      const line = describeLine(message);
      // A service or sender may give any reason: no more of them are counted than a person reads.
      if (reasons.size < 50 || reasons.has(line.reason ?? ""))
        reasons.set(line.reason ?? "", (reasons.get(line.reason ?? "") ?? 0) + 1);
      process.stdout.write(options.json === true ? `${JSON.stringify(line)}\n` : `${row(line, Date.now())}\n`);
      if (matched >= limit) break;
    }
    const by = [...reasons].map(([name, n]) => `${n} ${printable(name) || "(no reason)"}`).join(", ");
    const more = matched >= limit ? `; there may be more, --limit ${limit}` : "";
    process.stderr.write(
      `${pathOf(target)}: ${matched} listed of ${seen} looked at${by === "" ? "" : `: ${by}`}${more}\n`,
    );
    return signal.aborted ? ExitCode.Interrupted : ExitCode.Ok;
  });
}

/** Shows dead letters whole. */
export async function show(options: ShowOptions): Promise<ExitCode> {
  const { target } = entityOf(options);
  const means = await conditionOf(options);
  const signal = stopping();
  return withNamespace(loginOf(options), async (namespace) => {
    const browser = deadLetterBrowser(namespace, target);
    await checkListenRight(browser, target, true);
    let shown = 0;
    for await (const message of browser.messages({ bodies: true, signal })) {
      if (!means(message)) continue;
      const letter = describeWhole(message);
      if (options.save !== undefined && shown === 0) save(options.save, letter);
      process.stdout.write(options.json === true ? `${inJson(letter)}\n` : `${inWords(letter)}\n`);
      shown++;
      if (shown >= (options.limit ?? 1)) break;
    }
    if (shown > 0) return ExitCode.Ok;
    process.stderr.write(`No dead letter of ${pathOf(target)} is meant by that.\n`);
    return signal.aborted ? ExitCode.Interrupted : ExitCode.Failed;
  });
}

function save(path: string, { body }: DeadLetterWhole): void {
  try {
    // Never over a file that is there: it may be the only copy of something.
    writeFileSync(path, body, { flag: "wx", mode: 0o600 });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw invalid("--save", path, `cannot be written: ${why}`, "Name a file that is not there, in a folder that is.");
  }
}

function inJson({ body, ...rest }: DeadLetterWhole): string {
  return JSON.stringify({ ...rest, bodyBase64: body.toString("base64") }, (_, value: unknown) =>
    typeof value === "bigint" ? value.toString() : value,
  );
}

function inWords({ body, properties, withheld = [], ...line }: DeadLetterWhole): string {
  const lines = Object.entries(line).map(([name, value]) => `${name.padEnd(17)} ${printable(String(value))}`);
  lines.push("properties");
  for (const [name, value] of Object.entries(properties))
    lines.push(
      `  ${printable(name)}: ${printable(value instanceof Date ? value.toISOString() : JSON.stringify(value))}`,
    );
  for (const name of withheld) lines.push(`  ${name}: (not shown)`);
  lines.push(`body, ${body.byteLength} bytes`, bodyText(body));
  return lines.join("\n");
}

function bodyText(body: Buffer): string {
  const part = body.subarray(0, SHOWN_BYTES);
  const rest =
    body.byteLength > SHOWN_BYTES ? `\n… ${body.byteLength - SHOWN_BYTES} bytes more; --save has them all` : "";
  try {
    // A character that is cut in two at the end is no sign of bytes.
    const text = new TextDecoder("utf-8", { fatal: true }).decode(part, { stream: true });
    return (
      text
        .split("\n")
        .map((one) => printable(one))
        .join("\n") + rest
    );
  } catch {
    return `(no text) ${part.subarray(0, 64).toString("hex")}${rest}`;
  }
}

const HOUR = 3_600_000;

function row({ sequenceNumber, enqueuedTime, messageId, reason, description }: DeadLetterLine, now: number): string {
  const age = enqueuedTime === undefined ? "" : ageText(now - Date.parse(enqueuedTime));
  const words = printable(description ?? "", 100);
  return [sequenceNumber.padStart(8), age.padStart(6), printable(messageId), printable(reason ?? ""), words].join("  ");
}

/** `45s`, `12m`, `3h`, `9d`. */
export function ageText(milliseconds: number): string {
  if (milliseconds < 60_000) return `${Math.max(0, Math.floor(milliseconds / 1_000))}s`;
  if (milliseconds < HOUR) return `${Math.floor(milliseconds / 60_000)}m`;
  return milliseconds < 48 * HOUR ? `${Math.floor(milliseconds / HOUR)}h` : `${Math.floor(milliseconds / 24 / HOUR)}d`;
}
