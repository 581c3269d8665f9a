import type { Command } from "commander";
import { EXIT_CODES, several } from "./options.js";

/** Options of `stowage audit verify`. */
export interface AuditVerifyOptions {
  head?: string[];
  from?: string[];
  json?: true;
}

const VERIFY_HELP = `
A worker's pipeline keeps an audit where its \`audit\` says so: every effect with its intent before and its outcome after,
each record with the hash of the one before. Give all files of a chain, in any order: those that the worker wrote, or
what was collected of its standard output.

Without --head an audit proves that nothing between its first and last record was changed, moved or left out. Who may
write the files could have cut the end, or written all of them anew; only a head that was kept elsewhere shows that.
The worker exports its head as a log line (auditSequence, auditHead) and as the metric stowage_audit_head_info.

  stowage audit verify /audit/renders.*.audit.jsonl --head 41000:9f86d081…

It exits with 1 where a chain is broken or a head is not found, and says the first line that breaks and how: cut,
edited, swapped, dropped, recomputed. Intents without an outcome are listed; they break nothing.`;

/** Adds `stowage audit`. */
export function addAudit(root: Command): void {
  const audit = root
    .command("audit")
    .description("the log of effects that workers keep")
    .addHelpText("after", EXIT_CODES);
  audit
    .command("verify")
    .description("prove that the records of audit files are those that the workers wrote")
    .argument("<files...>", "audit files, or collected output of workers")
    .option(
      "--head <[sequence:]hash>",
      "an exported head that the records must lead to; several for several chains",
      several,
    )
    .option("--from <hash>", "the head at which earlier files end that are kept elsewhere", several)
    .option("--json", "print one JSON object")
    .addHelpText("after", VERIFY_HELP)
    .addHelpText("after", EXIT_CODES)
    .action(async (files: string[], options: AuditVerifyOptions) => {
      const { auditVerify } = await import("../audit.js");
      process.exitCode = await auditVerify(files, options);
    });
}
