import { describeTable, ExitCode, type Pipeline } from "../../runtime/contract/index.js";
import {
  diffJson,
  diffText,
  type SchemaInput,
  schemaApply,
  schemaDiff,
  schemaStatements,
} from "../../runtime/ops/schema/index.js";
import { connectionIn, entityOf, invalid } from "./bus.js";
import type { SchemaApplyCommandOptions, SchemaDiffOptions, SchemaFileOptions } from "./commands/schema.js";
import { stopping } from "./stopping.js";

/** Applies the schema. Each step is a line. */
export async function applyCommand(options: SchemaApplyCommandOptions): Promise<ExitCode> {
  const input = inputOf(options);
  const say = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  await schemaApply(input, options, say, stopping());
  say(`The schema of pipeline ${input.pipeline.name} is in place.`);
  return ExitCode.Ok;
}

/** Prints the plan; 1 where there is one. */
export async function diffCommand(options: SchemaDiffOptions): Promise<ExitCode> {
  const input = inputOf(options);
  const changes = await schemaDiff(input, stopping());
  process.stdout.write(options.json === true ? diffJson(changes) : await diffText(changes));
  return changes.length === 0 ? ExitCode.Ok : ExitCode.Failed;
}

/** Prints the table's documentation. No ring is needed. */
export async function docsCommand({ pipeline: file }: SchemaFileOptions): Promise<ExitCode> {
  const sink = tableOf(pipelineIn(file));
  process.stdout.write(describeTable(sink.table, { statements: await schemaStatements(sink) }));
  return ExitCode.Ok;
}

function inputOf(options: SchemaFileOptions & { connection: string }): SchemaInput {
  const pipeline = pipelineIn(options.pipeline);
  tableOf(pipeline);
  return { pipeline, connection: connectionIn(options.connection) };
}

function pipelineIn(file: string): Pipeline {
  const { pipeline } = entityOf({ pipeline: file });
  if (pipeline === undefined) throw invalid("--pipeline", file, "is missing", "Give a worker's pipeline.json.");
  return pipeline;
}

function tableOf({ sink }: Pipeline): NonNullable<Pipeline["sink"]["cassandra"]> {
  if (sink.cassandra !== undefined) return sink.cassandra;
  throw invalid("--pipeline", Object.keys(sink)[0], "has no Cassandra sink, and so no table", "Give one that has.");
}
