import { randomUUID } from "node:crypto";
import { createReadStream, readFileSync, statSync } from "node:fs";
import type { ServiceBusMessage } from "@azure/service-bus";
import { defined, ExitCode, InvalidInputError, problem, StowageError } from "../../runtime/contract/index.js";
import { systemClock } from "../../runtime/ops/clock.js";
import { Pacer } from "../../runtime/ops/concurrency.js";
import type { Namespace } from "../../runtime/ops/connect.js";
import { checkSendRight } from "../../runtime/ops/rights.js";
import {
  type LineDefaults,
  LineError,
  LineSender,
  messagesOf,
  type NumberedMessage,
  outgoing,
  readLine,
  type Sent,
} from "../../runtime/ops/send/index.js";
import { linesOf } from "../../runtime/ops/send/lines.js";
import { addressOf, senderOf, type Target } from "../../runtime/ops/target.js";
import { entityOf, invalid, loginOf, withNamespace } from "./bus.js";
import type { SendOptions } from "./commands/send.js";
import { progressLine } from "./progress.js";
import { type Screen, screen } from "./screen.js";
import { stopping } from "./stopping.js";

/** What `--json` prints. */
interface SendReport extends Sent {
  entity: string;
  dryRun: boolean;
  /** Of the one message that was sent without a file. */
  messageId?: string;
  /** Messages that a check of the whole file found; absent for standard input. */
  messages?: number;
  /** Why it ended before its end. */
  error?: { code: string; message: string };
}

/** Bytes of one line, whatever the entity takes: 160 MiB, for the 100 MiB of Azure's largest message in Base64. */
const MOST_LINE_BYTES = 160 * 1_024 * 1_024;
/** Problems that are named before the rest is only counted. */
const MOST_PROBLEMS = 20;

/** Sends one message, or a file of them. */
export async function send(options: SendOptions): Promise<ExitCode> {
  const { target } = entityOf(options);
  if (options.entity !== undefined && "subscription" in target)
    throw invalid("--entity", options.entity, "is a subscription", `Send to its topic, ${target.topic}.`);
  const defaults = defaultsOf(options);
  checkTogether(options);
  const login = loginOf(options);
  const signal = stopping();
  const out = screen(process.stderr);
  const single = options.file === undefined ? oneMessage(options, defaults) : undefined;
  return withNamespace(login, async (namespace) => {
    const mostBytes = await checkSendRight(namespace.client, target);
    const source: Source =
      single === undefined
        ? await fileSource(options, defaults, mostBytes, { out, signal })
        : { messages: () => one(single), count: 1 };
    const report: SendReport = {
      ...{ entity: addressOf(target), dryRun: options.dryRun === true, accepted: 0, lastLine: 0 },
      ...(source.count === undefined ? {} : { messages: source.count }),
      ...(single === undefined ? {} : { messageId: String(single.message.messageId) }),
    };
    if (options.dryRun === true) {
      out.line(`Nothing was sent; ${source.count} messages would be sent to ${report.entity}.`);
      return finish(options, report, ExitCode.Ok);
    }
    return run(namespace, target, { options, source, report, signal, out });
  });
}

/** Where messages come from. */
interface Source {
  messages(): AsyncIterable<NumberedMessage>;
  /** How many they are; undefined where that is only known at the end. */
  count: number | undefined;
}

interface Running {
  options: SendOptions;
  source: Source;
  report: SendReport;
  signal: AbortSignal;
  out: Screen;
}

async function run(namespace: Namespace, target: Target, running: Running): Promise<ExitCode> {
  const { options, source, report, signal, out } = running;
  const began = Date.now();
  const sender = senderOf(namespace.client, target);
  const sending = new LineSender({
    ...{ sender, signal, pacer: new Pacer(options.rate, systemClock) },
    onProgress: ({ accepted, lastLine }) => {
      const bar = progressLine(accepted, source.count, Date.now() - began);
      out.block([options.file === undefined ? bar : `${bar}  line ${lastLine}`]);
    },
  });
  let failed: StowageError | LineError | undefined;
  try {
    await sending.send(source.messages());
  } catch (error) {
    if (!(error instanceof StowageError || error instanceof LineError)) throw error;
    failed = error;
  } finally {
    await sender.close().catch(() => undefined);
  }
  const { accepted, lastLine } = sending.sent;
  Object.assign(report, { accepted, lastLine });
  const seconds = ((Date.now() - began) / 1_000).toFixed(1);
  out.line(
    `${accepted} messages accepted by ${report.entity} in ${seconds} s${options.file === undefined ? "" : `, up to line ${lastLine}`}.`,
  );
  if (failed !== undefined) {
    out.line(failed.message);
    report.error = { code: failed instanceof StowageError ? failed.code : "InvalidLine", message: failed.message };
  }
  const whole = failed === undefined && !signal.aborted;
  if (!whole && options.file !== undefined)
    out.line(`Go on with --from-line ${Math.max(lastLine + 1, options.fromLine)}.`);
  if (failed !== undefined) return finish(options, report, ExitCode.Failed);
  return finish(options, report, signal.aborted ? ExitCode.Interrupted : ExitCode.Ok);
}

function finish(options: SendOptions, report: SendReport, code: ExitCode): ExitCode {
  if (options.json === true) process.stdout.write(`${JSON.stringify(report)}\n`);
  return code;
}

function checkTogether(options: SendOptions): void {
  const { file, body, bodyFile, dryRun, idPrefix, fromLine } = options;
  if (file === "-" && dryRun === true)
    throw invalid("--dry-run", true, "needs a file: standard input can be read only once", "Give a file.");
  if (file !== undefined) return;
  if (body === undefined && bodyFile === undefined)
    throw invalid(
      "--body",
      undefined,
      "is missing, and so are --body-file and --file",
      "For an empty body say --body ''.",
    );
  if (idPrefix !== undefined) throw invalid("--id-prefix", idPrefix, "goes with --file", "Use --id for one message.");
  if (fromLine !== 1) throw invalid("--from-line", fromLine, "goes with --file", "Remove it.");
}

/** What the options say of every message. */
function defaultsOf(options: SendOptions): LineDefaults {
  const { session: sessionId, schedule, ttl, replyToSession: replyToSessionId, property } = options;
  const { partitionKey, subject, contentType, correlationId, to, replyTo, idPrefix } = options;
  const defaults = defined({
    ...{ sessionId, partitionKey, subject, contentType, correlationId, to, replyTo, replyToSessionId, idPrefix },
    timeToLiveSeconds: ttl === undefined ? undefined : ttl / 1_000,
    scheduledEnqueueTime: schedule?.toISOString(),
    properties: property === undefined ? undefined : Object.fromEntries(property.map(propertyOf)),
  });
  // The rules of a line are the rules of the options: an empty line with them says what is wrong.
  const { idPrefix: _, ...said } = defaults;
  const wrong = readLine(JSON.stringify({ ...said, messageId: "m" }), 1, {});
  if (typeof wrong === "string")
    throw new InvalidInputError("Invalid options", [problem("options", said, wrong, "Correct it.")]);
  return defaults;
}

function propertyOf(option: string): [string, string | number | boolean | null] {
  const [, name = "", json, value = ""] = /^([^=]*?)(:?)=(.*)$/s.exec(option) ?? [];
  if (json !== ":") return [name, value];
  try {
    return [name, JSON.parse(value) as string | number | boolean | null];
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw invalid(
      "--property",
      option,
      `is no JSON behind :=: ${why}`,
      'Write count:=5, or name="text" without the colon.',
    );
  }
}

/** The one message that the options make. */
function oneMessage(options: SendOptions, defaults: LineDefaults): NumberedMessage {
  const { bodyFile, body, id } = options;
  const bytes = bodyFile === undefined ? Buffer.from(body ?? "", "utf8") : contentOf(bodyFile);
  const { idPrefix: _, ...rest } = defaults;
  const message = outgoing({ ...rest, messageId: id ?? randomUUID(), bodyBase64: bytes.toString("base64") }, undefined);
  if (typeof message === "string")
    throw new InvalidInputError("Invalid options", [problem("options", undefined, message, "Correct it.")]);
  return { line: 1, message: message as ServiceBusMessage, bytes: bytes.byteLength };
}

async function* one(message: NumberedMessage): AsyncGenerator<NumberedMessage> {
  yield message;
}

function contentOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw invalid("--body-file", path, `cannot be read: ${why}`, "Name a file that is there.");
  }
}

/** A file is read through first; standard input cannot be. */
async function fileSource(
  options: SendOptions,
  defaults: LineDefaults,
  linkBytes: number,
  { out, signal }: Pick<Running, "out" | "signal">,
): Promise<Source> {
  const path = options.file ?? "-";
  // Base64 and escapes make a line longer than its message.
  const mostBytes = Math.min(linkBytes * 6 + 65_536, MOST_LINE_BYTES);
  const reading = { defaults, fromLine: options.fromLine, mostBytes };
  if (path === "-") return { messages: () => messagesOf(before(signal, process.stdin), reading), count: undefined };
  if (!readable(path))
    throw invalid("--file", path, "is no file that can be read", "Name a file, or - for standard input.");
  const count = await checkFile(path, reading, out);
  return { messages: () => messagesOf(createReadStream(path), reading), count };
}

/** What comes before the signal fires, and nothing after: who waits for the next piece would not see that it has. */
async function* before(signal: AbortSignal, input: NodeJS.ReadStream): AsyncGenerator<Uint8Array> {
  const stop = (): void => {
    input.destroy();
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (!signal.aborted) yield* input;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function readable(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Counts the messages of a file; throws an InvalidInputError with the first lines that are none. */
async function checkFile(
  path: string,
  { defaults, fromLine, mostBytes }: { defaults: LineDefaults; fromLine: number; mostBytes: number },
  out: Screen,
): Promise<number> {
  const problems: { line: number; reason: string }[] = [];
  let [good, bad] = [0, 0];
  const note = (line: number, reason: string): void => {
    if (bad++ < MOST_PROBLEMS) problems.push({ line, reason });
  };
  try {
    for await (const { number, text } of linesOf(createReadStream(path), mostBytes)) {
      if (number < fromLine || text.trim() === "") continue;
      const message = readLine(text, number, defaults);
      if (typeof message === "string") note(number, message);
      else good++;
    }
  } catch (error) {
    if (!(error instanceof LineError)) throw error;
    note(error.line, error.reason);
  }
  if (bad === 0) return good;
  for (const { line, reason } of problems) out.line(`line ${line}: ${reason}`);
  throw invalid(
    "--file",
    path,
    `has ${bad} lines that are no message, and ${good} that are`,
    "Nothing was sent. Correct them.",
  );
}
