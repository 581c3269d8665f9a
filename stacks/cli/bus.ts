import { readFileSync } from "node:fs";
import {
  type Connection,
  InvalidInputError,
  NotBegunError,
  type Pipeline,
  parseConnection,
  parsePipeline,
  problem,
  StowageError,
} from "../../runtime/contract/index.js";
import { connectionOf, type Login, type Namespace, openNamespace } from "../../runtime/ops/connect.js";
import { parseTarget, type Target, targetOf } from "../../runtime/ops/target.js";
import { ADMIN_CONNECTION_STRING, type BusOptions, CONNECTION_STRING, type EntityOptions } from "./commands/options.js";

/** Codes of what ends a command before it has begun. */
const MISSING: ReadonlySet<string> = new Set([
  "RightMissing",
  "EntityMissing",
  "BusUnreachable",
  "RulesUnseen",
  "RuleWithAction",
  "NoWorkloadIdentity",
]);

const HOST = /^[A-Za-z0-9.-]+(:\d{1,5})?$/;

/** How the options and the environment say to log in. */
export function loginOf({ namespace, connection }: BusOptions, environment = process.env): Login {
  if (connection !== undefined) return { kind: "identity", serviceBus: connectionIn(connection).serviceBus };
  if (namespace !== undefined) {
    if (!HOST.test(namespace))
      throw invalid("--namespace", namespace, "is no host", "Give contoso.servicebus.windows.net, without sb://.");
    return { kind: "identity", serviceBus: connectionOf(namespace).serviceBus };
  }
  const bus = environment[CONNECTION_STRING];
  if (bus !== undefined && bus !== "") {
    // A value is never shown: it has a key in it.
    for (const [name, text] of [
      [CONNECTION_STRING, bus],
      [ADMIN_CONNECTION_STRING, environment[ADMIN_CONNECTION_STRING]],
    ])
      if (name !== undefined && text !== undefined && !/(^|;)\s*Endpoint\s*=\s*sb:\/\/[^;]+/i.test(text))
        throw invalid(name, undefined, "is no connection string", "Give Endpoint=sb://HOST;SharedAccessKeyName=…;…");
    return { kind: "connectionString", bus, admin: environment[ADMIN_CONNECTION_STRING] };
  }
  throw invalid(
    "--namespace",
    undefined,
    "is missing, and so are --connection and STOWAGE_CONNECTION_STRING",
    "Say where the namespace is; --help says how.",
  );
}

/** The connection in a file that `--connection` names. */
export function connectionIn(path: string): Connection {
  return parseConnection(json("--connection", path));
}

/** The entity that the options mean, and the pipeline where they name one. */
export function entityOf({ entity, pipeline }: EntityOptions): { target: Target; pipeline: Pipeline | undefined } {
  if (entity !== undefined) return { target: parseTarget(entity), pipeline: undefined };
  if (pipeline === undefined)
    throw invalid("--entity", undefined, "is missing, and so is --pipeline", "Say which entity is meant.");
  const read = parsePipeline(json("--pipeline", pipeline));
  return { target: targetOf(read.source), pipeline: read };
}

/** Runs with the namespace open, and closes it. What is missing on the far side ends with 3. */
export async function withNamespace<T>(login: Login, run: (namespace: Namespace) => Promise<T>): Promise<T> {
  let namespace: Namespace | undefined;
  try {
    namespace = await openNamespace(login);
    return await run(namespace);
  } catch (error) {
    if (error instanceof StowageError && MISSING.has(error.code))
      throw new NotBegunError(error.code, `${error.code}: ${error.message}`, { cause: error });
    throw error;
  } finally {
    await namespace?.close();
  }
}

export function invalid(option: string, value: unknown, reason: string, fix: string): InvalidInputError {
  return new InvalidInputError("Invalid input", [problem(option, value, reason, fix)]);
}

/** The JSON in a file that an option names. */
function json(option: string, path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw invalid(option, path, `cannot be read as JSON: ${why}`, "Give the path of a JSON file.");
  }
}
