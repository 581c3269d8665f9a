import type { Command } from "commander";
import { type BusOptions, EXIT_CODES, withBus } from "./options.js";

/** Options of `stowage trace`. */
export interface TraceOptions extends BusOptions {
  audit?: string[];
  pipeline?: string;
  json?: true;
}

const TRACE_HELP = `
MESSAGE is a message id, an idempotency key (entity, line feed, id), or the SHA-256 of one as it stands in the names of
files on a volume.

  --audit       files that workers wrote, or their collected output: intents and outcomes, and the log's decisions
  --pipeline    the store is asked: the manifest on the volume (which must be mounted here), LINSTOR's claims, history
                and properties, the table's ledger and the row
  a namespace   entity and dead-letter queue are looked through, with the listen right, without taking anything

One list in the order of time; each line says its source, whose own clock it is. It exits with 1 where nothing is known
of the message, or a source could not be asked.`;

/** Adds `stowage trace`. */
export function addTrace(root: Command): void {
  const trace = root
    .command("trace")
    .description("show the whole way of one message: worker, volume, LINSTOR, table, dead-letter queue")
    .argument("<message>", "message id, or idempotency key")
    .option("--audit <files...>", "audit files, or collected output of workers")
    .option("--pipeline <file>", "a worker's pipeline.json")
    .option("--json", "print one JSON object");
  withBus(trace)
    .addHelpText("after", TRACE_HELP)
    .addHelpText("after", EXIT_CODES)
    .action(async (message: string, options: TraceOptions) => {
      const { trace: run } = await import("../trace.js");
      process.exitCode = await run(message, options);
    });
}
