import { readFileSync } from "node:fs";
import {
  CONTRACT_VERSION,
  type Connection,
  connectionProblems,
  InvalidInputError,
  type Pipeline,
  type Problem,
  pipelineProblems,
  problem,
  SinkKind,
  sinkKind,
  within,
} from "./contract/index.js";

/** Files of the two halves of a worker's input. */
export interface InputFiles {
  pipeline: string;
  connection: string;
}

/**
 * Reads and checks both files. Throws an InvalidInputError that holds every problem of both. Synchronous: the pool of
 * threads, whose size the pipeline decides, must not be in use before the pipeline is known.
 */
export function readInput(files: InputFiles): { pipeline: Pipeline; connection: Connection } {
  return checkInput(readJson(files.pipeline), readJson(files.connection));
}

/** The two halves of a worker's input once both are right; throws an InvalidInputError with every problem of both. */
export function checkInput(pipeline: Read, connection: Read): { pipeline: Pipeline; connection: Connection } {
  const problems = [
    ...within("pipeline", found(pipeline, pipelineProblems)),
    ...within("connection", found(connection, connectionProblems)),
  ];
  if (problems.length > 0) throw new InvalidInputError("Invalid input", problems);
  const input = { pipeline: pipeline.value as Pipeline, connection: connection.value as Connection };
  const missing = missingConnection(input.pipeline, input.connection);
  if (missing.length > 0) throw new InvalidInputError("Invalid input", missing);
  return input;
}

/** What a file holds, or why it cannot be read. */
interface Read {
  value?: unknown;
  problem?: Problem;
}

function readJson(path: string): Read {
  try {
    return { value: JSON.parse(readFileSync(path, "utf8")) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { problem: problem("", path, `cannot be read as JSON: ${why}`, "Give the path of a JSON file") };
  }
}

function found(read: Read, problemsOf: (value: unknown) => Problem[]): Problem[] {
  if (read.problem !== undefined) return [read.problem];
  return otherVersion(read.value) ?? problemsOf(read.value);
}

/** Of another version only that is said: its other settings are right by rules that this code does not know. */
function otherVersion(value: unknown): Problem[] | undefined {
  if (typeof value !== "object" || value === null || !("contractVersion" in value)) return undefined;
  const version = value.contractVersion;
  if (version === CONTRACT_VERSION || typeof version !== "number") return undefined;
  return [
    problem(
      "contractVersion",
      version,
      `is ${version}; this worker knows version ${CONTRACT_VERSION} only`,
      "Deploy a worker and components of the same release",
    ),
  ];
}

/** The store that the pipeline's sink talks to must be in the connection. */
function missingConnection(pipeline: Pipeline, connection: Connection): Problem[] {
  const kind = sinkKind(pipeline);
  if (kind === SinkKind.Gluster || kind === SinkKind.Module || connection[kind] !== undefined) return [];
  return [
    problem(
      `connection.${kind}`,
      undefined,
      `is missing; the pipeline's sink is ${kind}`,
      `Give the connection of ${kind}, as the components render it`,
    ),
  ];
}
