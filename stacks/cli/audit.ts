import { ExitCode } from "../../runtime/contract/index.js";
import { parseHead, reportLines, verifyAudit } from "../../runtime/ops/audit/index.js";
import type { AuditVerifyOptions } from "./commands/audit.js";
import { screen } from "./screen.js";

/** Files below so many bytes are read before anybody looks at a progress line. */
const PROGRESS_BYTES = 64 * 1024 * 1024;

/** Verifies audit files and prints what holds, and where they break first. Gives the exit code. */
export async function auditVerify(files: string[], options: AuditVerifyOptions): Promise<ExitCode> {
  const out = screen(process.stderr);
  const heads = (options.head ?? []).map((text) => parseHead(text));
  const from = (options.from ?? []).map((text) => parseHead(text, "--from").hash);
  const report = await verifyAudit({
    ...{ files, heads, from },
    progress: (read, total) => {
      if (total >= PROGRESS_BYTES) out.block([`${Math.floor((100 * read) / total)} % of ${mebibytes(total)} MiB`]);
    },
  });
  const text = options.json === true ? JSON.stringify(report) : reportLines(report).join("\n");
  process.stdout.write(`${text}\n`);
  return report.verified ? ExitCode.Ok : ExitCode.Failed;
}

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / (1024 * 1024));
}
