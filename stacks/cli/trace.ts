import { defined, ExitCode } from "../../runtime/contract/index.js";
import type { Namespace } from "../../runtime/ops/connect.js";
import { printable } from "../../runtime/ops/printable.js";
import { type Trace, type TraceEntry, traceMessage } from "../../runtime/ops/trace/index.js";
import { connectionIn, entityOf, invalid, loginOf, withNamespace } from "./bus.js";
import { CONNECTION_STRING } from "./commands/options.js";
import type { TraceOptions } from "./commands/trace.js";
import { stopping } from "./stopping.js";

/** Shows the way of one message. Gives the exit code. */
export async function trace(message: string, options: TraceOptions): Promise<ExitCode> {
  const { audit: files = [], pipeline: file } = options;
  if (files.length === 0 && file === undefined)
    throw invalid("--audit", undefined, "is missing, and so is --pipeline", "Say where its way is recorded.");
  const pipeline = file === undefined ? undefined : entityOf({ pipeline: file }).pipeline;
  const connection = options.connection === undefined ? undefined : connectionIn(options.connection);
  if (pipeline === undefined && (connection !== undefined || options.namespace !== undefined))
    throw invalid("--pipeline", undefined, "is missing", "Say which entity and which store are meant.");
  const signal = stopping();
  const ask = (namespace?: Namespace): Promise<Trace> =>
    traceMessage({ message, files, signal, ...defined({ pipeline, connection, namespace }) });
  const found =
    pipeline !== undefined && busIsGiven(options) ? await withNamespace(loginOf(options), ask) : await ask();
  print(message, found, options.json === true);
  return found.entries.length > 0 && found.failures.length === 0 ? ExitCode.Ok : ExitCode.Failed;
}

function busIsGiven({ namespace, connection }: TraceOptions): boolean {
  return namespace !== undefined || connection !== undefined || (process.env[CONNECTION_STRING] ?? "") !== "";
}

function print(message: string, { entries, failures }: Trace, json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify({ message, entries, failures })}\n`);
  else for (const entry of entries) process.stdout.write(`${row(entry)}\n`);
  for (const { source, reason } of failures) process.stderr.write(`${source}: cannot be asked: ${printable(reason)}\n`);
  if (entries.length === 0) process.stderr.write(`Nothing is known of ${JSON.stringify(message)}.\n`);
}

function row({ time = "", source, where, what }: TraceEntry): string {
  return printable(`${time.padEnd(24)}  ${source.padEnd(9)}  ${where}  ${what}`);
}
