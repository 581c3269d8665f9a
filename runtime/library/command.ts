import { parseArgs } from "node:util";
import { ExitCode, InvalidInputError } from "../contract/index.js";
import { readInput } from "../input.js";
import { dropSignals, takeSignals } from "./firstSignals.js";
import { listenAddress } from "./listen.js";
import { type RunWorkerOptions, runWorker } from "./run.js";

const USAGE = `stowage-worker carries the messages of one pipeline from Azure Service Bus into its store.

  stowage-worker run    --pipeline FILE --connection FILE --listen HOST:PORT
  stowage-worker schema --pipeline FILE --connection FILE
  stowage-worker doctor --pipeline FILE --connection FILE

run     until SIGTERM, which finishes what is in work within the pipeline's grace period; a second one ends at once.
schema  creates keyspace and table of a Cassandra pipeline, where they are missing, and ends.
doctor  tries everything that run needs, from where it stands, and says what to do; 1 where something does not work.

Exit status: 0 done or stopped, 1 failed, 2 invalid input, 3 something it needs is missing, 4 no progress,
5 refused: the bus still refuses the worker's identity 10 minutes after its start, or for 2 minutes later on.
STOWAGE_LOG_LEVEL is silent, fatal, error, warn, info (default) or debug. OTEL_EXPORTER_OTLP_ENDPOINT, and OpenTelemetry's
other standard variables, have metrics and traces sent over OTLP (http/protobuf).
`;

/** What a program of one's own puts into the worker's command. */
export interface WorkerCommandOptions extends Pick<RunWorkerOptions, "sink" | "job"> {
  /** @default what the process was started with */
  args?: string[];
}

const COMMANDS = ["run", "schema", "doctor"] as const;
type Command = (typeof COMMANDS)[number];

interface Arguments {
  command: Command;
  pipeline: string;
  connection: string;
  listen: string;
}

/** What is wrong with the command line. */
class UsageError extends Error {}

/**
 * The worker's command line, as the components start it, for an image of one's own. Resolves with the exit status, and
 * has said on standard error what is wrong: `process.exit(await workerCommand({ sink }))` is the whole program.
 */
export async function workerCommand(options: WorkerCommandOptions = {}): Promise<ExitCode> {
  const { args = process.argv.slice(2), sink, job } = options;
  try {
    if (args.length === 0 || args.includes("--help") || args.includes("-h")) {
      process.stdout.write(USAGE);
      return args.length === 0 ? ExitCode.InvalidInput : ExitCode.Ok;
    }
    const parsed = parseArguments(args);
    if (parsed.command === "schema") return await runSchema(parsed);
    const input = readInput(parsed);
    const given = { ...(sink === undefined ? {} : { sink }), ...(job === undefined ? {} : { job }) };
    if (parsed.command === "doctor") {
      // It has nothing to finish: it ends by the signal.
      dropSignals();
      return await (await import("../ops/doctor/worker.js")).workerDoctor({ ...input, ...given });
    }
    return await runWorker({ ...input, ...given, listen: parsed.listen });
  } catch (error) {
    return explain(error);
  }
}

function parseArguments(args: string[]): Arguments {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { pipeline: { type: "string" }, connection: { type: "string" }, listen: { type: "string" } },
  });
  const [named, ...rest] = positionals;
  const command = COMMANDS.find((one) => one === named);
  if (command === undefined)
    throw new UsageError(`The command must be one of ${COMMANDS.join(", ")} (found ${named ?? "none"}).`);
  if (rest.length > 0) throw new UsageError(`${command} takes no arguments (found ${rest.join(" ")}).`);
  const { pipeline, connection, listen = "" } = values;
  if (pipeline === undefined || connection === undefined)
    throw new UsageError("Both --pipeline FILE and --connection FILE are needed.");
  if (command === "run" && listenAddress(listen) === undefined)
    throw new UsageError(
      `--listen must be HOST:PORT, the port from 0 to 65535 (found ${listen === "" ? "nothing" : listen}).`,
    );
  return { command, pipeline, connection, listen };
}

async function runSchema(args: Arguments): Promise<ExitCode> {
  const { pipeline, connection } = readInput(args);
  const { applySchema } = await import("../sinks/index.js");
  const end = new AbortController();
  const release = takeSignals(() => end.abort());
  try {
    await applySchema({ pipeline, connection }, end.signal);
  } finally {
    release();
  }
  process.stdout.write(`The schema of pipeline ${pipeline.name} is in place.\n`);
  return ExitCode.Ok;
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
