import type { ChainReport, VerifyReport } from "./verify.js";

/** Open intents that are printed; `--json` has more. */
const OPEN_LINES = 20;

/** A report for a person, one line a thing. */
export function reportLines(report: VerifyReport): string[] {
  const { chains, heads, open, openTotal, empty, notes, verified } = report;
  return [
    ...chains.flatMap(chainLines),
    ...empty.map((file) => `${file}: holds no audit record`),
    ...heads.map(({ head, chain, sequence, reason }) =>
      chain === undefined
        ? `head ${head.hash}: ${reason}`
        : `head ${head.hash}: sequence ${sequence} of chain ${chain}`,
    ),
    ...notes.map((note) => `note: ${note}`),
    ...(openTotal === 0 ? [] : [`${openTotal} open: done or not, no record tells; a redelivery closes them`]),
    ...open
      .slice(0, OPEN_LINES)
      .map(
        ({ chain, sequence, worker, entity, message, time, delivery, attempt }) =>
          `  open: ${JSON.stringify(message)} of ${entity}, by ${worker}, chain ${chain} sequence ${sequence}` +
          (time === undefined ? "" : `, ${time}, delivery ${delivery} attempt ${attempt}`),
      ),
    ...(open.length > OPEN_LINES ? [`  … and ${openTotal - OPEN_LINES} more; --json names them`] : []),
    verified ? `verified: ${report.records} records${proof(report)}` : "NOT verified",
  ];
}

function chainLines(report: ChainReport): string[] {
  const { chain, worker, pipeline, first, last, records, ended, broken } = report;
  if (chain === "") return broken === undefined ? [] : [breakLine(broken)];
  const where = `chain ${chain} of ${worker}, pipeline ${pipeline}:`;
  const range = records === 0 ? "no record holds" : `${first} to ${last}`;
  const end = broken !== undefined || ended ? "" : "; it ends without its writer's close: killed, running, or cut";
  return [`${where} ${range}${end}`, ...(broken === undefined ? [] : [`  ${breakLine(broken)}`])];
}

function breakLine({ kind, file, line, reason }: NonNullable<ChainReport["broken"]>): string {
  return `BROKEN (${kind}) at ${file}, line ${line}: ${reason}`;
}

/** How much the heads prove: without one, whoever may write the files may have written them all anew. */
function proof({ chains, heads }: VerifyReport): string {
  if (heads.length === 0) return "; without --head this proves nothing against cutting the end or writing all anew";
  const unproven = chains.reduce((sum, chain) => sum + chain.unproven, 0);
  return unproven === 0
    ? ", all of them up to the heads"
    : `; ${unproven} of them are behind the heads, or of a chain without one`;
}
