import { type Command, Option } from "commander";
import { EXIT_CODES, several } from "./options.js";

/** Options of every `stowage schema`. */
export interface SchemaFileOptions {
  pipeline: string;
}

/** Options of `stowage schema diff`. */
export interface SchemaDiffOptions extends SchemaFileOptions {
  connection: string;
  json?: true;
}

/** Options of `stowage schema apply`. */
export interface SchemaApplyCommandOptions extends SchemaFileOptions {
  connection: string;
  allow?: string[];
  publish?: string;
  reader?: string;
  kubernetes?: string;
}

const APPLY_HELP = `
It does what the stack's schema job does, in this order: where the ring asks for passwords, system_auth on enough replicas
and repaired; keyspace, types and tables, one change at a time, each once all nodes agree on the one before; the rights of
the pipeline's roles. Run again, it changes nothing. Additive changes are made. What would lose something is left, and
ends with 1 where the pipeline needs it; --allow makes it, in the words that the diff prints:

  stowage schema apply --pipeline pipeline.json --connection admin.json --allow "drop column readings.celsius"

What cannot be made at all (another partition key, another type) is refused with the way out. The connection's credentials
must be a superuser's where the ring asks for passwords: a folder with the files username and password.`;

const DIFF_HELP = `
Like diff(1), it ends with 1 where there is a difference, and changes nothing. Each line is additive, lossy or refused.
Where the ring cannot be connected with, it ends with 3.`;

function withFiles(command: Command): Command {
  return command
    .requiredOption("--pipeline <file>", "a worker's pipeline.json")
    .requiredOption("--connection <file>", "a connection.json with the ring's contact points");
}

/** Adds `stowage schema`. */
export function addSchema(root: Command): void {
  const schema = root
    .command("schema")
    .description("the schema of a pipeline's Cassandra table: compare it, apply it, describe it")
    .addHelpText("after", EXIT_CODES);
  withFiles(schema.command("apply"))
    .description("bring keyspace, types, tables and rights to what the pipeline says")
    .option("--allow <change>", "make this lossy change, in the words of the diff; several times for several", several)
    .addOption(new Option("--publish <namespace/secret>", "within a cluster: fill this secret with the worker's role"))
    .addOption(new Option("--reader <namespace/secret>", "within a cluster: fill this secret with a role for reading"))
    .option("--kubernetes <folder>", "folder with token and ca.crt of the service account that writes the secrets")
    .addHelpText("after", APPLY_HELP)
    .addHelpText("after", EXIT_CODES)
    .action(async (options: SchemaApplyCommandOptions) => {
      const { applyCommand } = await import("../schema.js");
      process.exitCode = await applyCommand(options);
    });
  withFiles(schema.command("diff"))
    .description("print what apply would change")
    .option("--json", "print one JSON object")
    .addHelpText("after", DIFF_HELP)
    .addHelpText("after", EXIT_CODES)
    .action(async (options: SchemaDiffOptions) => {
      const { diffCommand } = await import("../schema.js");
      process.exitCode = await diffCommand(options);
    });
  schema
    .command("docs")
    .description("print the table as Markdown: columns, keys, what producers must send, the statements that make it")
    .requiredOption("--pipeline <file>", "a worker's pipeline.json")
    .addHelpText("after", EXIT_CODES)
    .action(async (options: SchemaFileOptions) => {
      const { docsCommand } = await import("../schema.js");
      process.exitCode = await docsCommand(options);
    });
}
