import { hostname } from "node:os";
import { parseArgs } from "node:util";
import { ExitCode, InvalidInputError, sinkKind } from "./contract/index.js";
import { readInput } from "./input.js";
import { createLog, type ListenAddress, type Log, logLevel } from "./telemetry/index.js";

const USAGE = `stowage-worker carries the messages of one pipeline from Azure Service Bus into its store.

  stowage-worker run    --pipeline FILE --connection FILE --listen HOST:PORT
  stowage-worker schema --pipeline FILE --connection FILE

run     until SIGTERM, which finishes what is in work within the pipeline's grace period; a second one ends at once.
schema  creates keyspace and table of a Cassandra pipeline, where they are missing, and ends.

Exit status: 0 done or stopped, 1 failed, 2 invalid input, 3 something it needs is missing, 4 no progress,
5 refused: the bus still refuses the worker's identity 10 minutes after its start, or for 2 minutes later on.
STOWAGE_LOG_LEVEL is silent, fatal, error, warn, info (default) or debug.
`;

interface Arguments {
  command: "run" | "schema";
  pipeline: string;
  connection: string;
  listen: ListenAddress;
}

/** What is wrong with the command line. */
class UsageError extends Error {}

function parseArguments(args: string[]): Arguments {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { pipeline: { type: "string" }, connection: { type: "string" }, listen: { type: "string" } },
  });
  const [command, ...rest] = positionals;
  if (command !== "run" && command !== "schema")
    throw new UsageError(`The command must be run or schema (found ${command ?? "none"}).`);
  if (rest.length > 0) throw new UsageError(`${command} takes no arguments (found ${rest.join(" ")}).`);
  const { pipeline, connection } = values;
  if (pipeline === undefined || connection === undefined)
    throw new UsageError("Both --pipeline FILE and --connection FILE are needed.");
  if (command === "schema") return { command, pipeline, connection, listen: { host: "127.0.0.1", port: 0 } };
  return { command, pipeline, connection, listen: listenAddress(values.listen) };
}

/** `HOST:PORT`, `[IPv6]:PORT`. */
function listenAddress(text: string | undefined): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text ?? "");
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65535)
    throw new UsageError(`--listen must be HOST:PORT, the port from 0 to 65535 (found ${text ?? "nothing"}).`);
  return { host, port };
}

async function runWorker(args: Arguments): Promise<ExitCode> {
  const { pipeline, connection } = readInput(args);
  // In a pod the host's name is the pod's.
  const worker = process.env["HOSTNAME"] ?? hostname();
  const base = { pipeline: pipeline.name, sink: sinkKind(pipeline), worker };
  const log = createLog({ level: logLevel(process.env["STOWAGE_LOG_LEVEL"]), base });
  takeBlame(log);
  // File operations wait on the volume, in threads: as many as there are messages in work, within reason.
  process.env["UV_THREADPOOL_SIZE"] ??= String(Math.min(64, Math.max(4, pipeline.delivery.concurrency * 2)));
  const { Worker } = await import("./worker.js");
  const running = new Worker({ pipeline, connection, listen: args.listen, worker, log });
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) {
      log.logger.warn({ signal }, "told to stop a second time: ends at once, nothing more is settled");
      log.flush();
      process.exit(ExitCode.Failed);
    }
    stopping = true;
    running.stop(signal).catch((error: unknown) => end(log, error));
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  const code = await running.run();
  log.flush();
  return code;
}

async function runSchema(args: Arguments): Promise<ExitCode> {
  const { pipeline, connection } = readInput(args);
  const { applySchema } = await import("./sinks/index.js");
  const end = new AbortController();
  process.once("SIGTERM", () => end.abort());
  process.once("SIGINT", () => end.abort());
  await applySchema({ pipeline, connection }, end.signal);
  process.stdout.write(`The schema of pipeline ${pipeline.name} is in place.\n`);
  return ExitCode.Ok;
}

/** What nobody caught is a line in the log and the end of the process: it must not go on in a state nobody knows. */
function takeBlame(log: Log): void {
  process.on("uncaughtException", (error) => end(log, error));
  process.on("unhandledRejection", (reason) => end(log, reason));
}

function end(log: Log, error: unknown): never {
  const description = error instanceof Error ? (error.stack ?? error.message) : String(error);
  log.logger.fatal({ description }, "unexpected error: the process ends");
  log.flush();
  process.exit(ExitCode.Failed);
}

async function main(args: string[]): Promise<ExitCode> {
  if (args.length === 0 || args.includes("--help") || args.includes("-h")) {
    process.stdout.write(USAGE);
    return args.length === 0 ? ExitCode.InvalidInput : ExitCode.Ok;
  }
  const parsed = parseArguments(args);
  return parsed.command === "run" ? runWorker(parsed) : runSchema(parsed);
}

/** True for what `parseArgs` throws about the command line. */
function isParseError(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
}

function explain(error: unknown): ExitCode {
  if (error instanceof InvalidInputError) {
    process.stderr.write(`${error.message}\n`);
    return ExitCode.InvalidInput;
  }
  const words = error instanceof Error ? error.message : String(error);
  const usage = error instanceof UsageError || isParseError(error);
  process.stderr.write(usage ? `${words}\n\n${USAGE}` : `${words}\n`);
  return usage ? ExitCode.InvalidInput : ExitCode.Failed;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => process.exit(explain(error)),
);
