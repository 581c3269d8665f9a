import { parseArgs } from "node:util";
import { ExitCode, InvalidInputError, NotBegunError } from "../contract/index.js";
import { readInput } from "../input.js";
import {
  ADMINISTRATION_OPTIONS,
  type AdministrationValues,
  administrationIn,
  runAdministration,
} from "./administration.js";
import { dropSignals } from "./firstSignals.js";
import { listenAddress } from "./listen.js";
import { type RunWorkerOptions, runWorker } from "./run.js";
import { UsageError } from "./usage.js";

const USAGE = `stowage-worker carries the messages of one pipeline from Azure Service Bus into its store.

  stowage-worker run    --pipeline FILE --connection FILE --listen HOST:PORT
  stowage-worker doctor --pipeline FILE --connection FILE
  stowage-worker schema apply --pipeline FILE --connection FILE [--allow CHANGE]…
                 [--publish NAMESPACE/SECRET] [--reader NAMESPACE/SECRET] [--kubernetes FOLDER]
  stowage-worker schema diff  --pipeline FILE --connection FILE [--json]
  stowage-worker rotate   --pipeline FILE --connection FILE --publish NAMESPACE/SECRET [--kubernetes FOLDER] [--rest 5m]
  stowage-worker password --publish NAMESPACE/SECRET [--kubernetes FOLDER]

run       until SIGTERM, which finishes what is in work within the pipeline's grace period; a second one ends at once.
doctor    tries everything that run needs, from where it stands, and says what to do; 1 where something does not work.
schema    of a Cassandra pipeline. apply makes what is missing, as a superuser: keyspace, types, tables, and where the ring
          asks for passwords the pipeline's roles and their rights; what would lose something is made only where --allow
          names it in the plan's words. --publish and --reader fill a secret with the worker's role, and with one for reading.
          diff prints the plan and changes nothing; 1 where there is one.
rotate    gives the pipeline's other role a new password, tries it and publishes it; nothing within --rest of the last time.
password  fills the key password of a secret where it is empty, and never replaces it.

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

const COMMANDS = ["run", "doctor"] as const;
type Command = (typeof COMMANDS)[number];

interface Arguments {
  command: Command;
  pipeline: string;
  connection: string;
  listen: string;
}

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
    if ("administration" in parsed) return await runAdministration(parsed.administration, parsed.values);
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

function parseArguments(args: string[]): Arguments | { administration: string; values: AdministrationValues } {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      pipeline: { type: "string" },
      connection: { type: "string" },
      listen: { type: "string" },
      ...ADMINISTRATION_OPTIONS,
    },
  });
  const { pipeline, connection, listen, ...others } = values;
  const administration = administrationIn(positionals);
  if (administration !== undefined) {
    if (listen !== undefined) throw new UsageError(`${administration} does not take --listen.`);
    return { administration, values: { ...others, pipeline, connection } };
  }
  const [named, ...rest] = positionals;
  if (named === "schema")
    throw new UsageError(
      `schema takes apply or diff behind it (found ${rest.length === 0 ? "nothing" : rest.join(" ")}).`,
    );
  const command = COMMANDS.find((one) => one === named);
  if (command === undefined)
    throw new UsageError(
      `The command must be one of ${[...COMMANDS, "schema", "rotate", "password"].join(", ")} (found ${named ?? "none"}).`,
    );
  if (rest.length > 0) throw new UsageError(`${command} takes no arguments (found ${rest.join(" ")}).`);
  const [surplus] = Object.keys(others);
  if (surplus !== undefined) throw new UsageError(`${command} does not take --${surplus}.`);
  if (pipeline === undefined || connection === undefined)
    throw new UsageError("Both --pipeline FILE and --connection FILE are needed.");
  if (command === "run" && listenAddress(listen ?? "") === undefined)
    throw new UsageError(
      `--listen must be HOST:PORT, the port from 0 to 65535 (found ${(listen ?? "") === "" ? "nothing" : listen}).`,
    );
  return { command, pipeline, connection, listen: listen ?? "" };
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
  if (error instanceof NotBegunError) return error.exitCode;
  return usage ? ExitCode.InvalidInput : ExitCode.Failed;
}
