import { join } from "node:path";
import { z } from "zod";
import { packageRoot } from "../../stacks/packageRoot.js";
import { type Check, failed, passed } from "./checks.js";
import { type Preview, run } from "./preview.js";

/** Time limit of one judgement, in milliseconds. */
const JUDGE_LIMIT_MS = 5 * 60_000;

const verdict = z.object({
  verdict: z.string(),
  type: z.string().optional(),
  gvk: z.string().optional(),
  name: z.string().nullish(),
  reason: z.string().nullish(),
  findings: z.array(z.object({ sev: z.string(), path: z.string().nullish(), msg: z.string().nullish() })).default([]),
});
type Verdict = z.output<typeof verdict>;

/** A judge: how it is started, which resources it has to judge, and how its output is read. */
interface Judge {
  name: string;
  command: (contracts: string, file: string) => [string, ...string[]];
  judges: (type: string) => boolean;
  parse: (stdout: string) => unknown;
}

const ARM: Judge = {
  name: "Azure Resource Manager",
  command: (contracts, file) => [
    process.execPath,
    join(contracts, "arm", "judge.mjs"),
    file,
    "--json",
    ...["--sdk", join(packageRoot(), "node_modules", "@pulumi", "azure-native")],
  ],
  judges: (type) => type.startsWith("azure-native"),
  parse: (stdout) => JSON.parse(stdout),
};

const KUBERNETES: Judge = {
  name: "Kubernetes",
  command: (contracts, file) => ["python3", join(contracts, "kubernetes", "kjudge.py"), "--json", file],
  judges: (type) => type.startsWith("kubernetes:") && !isRelease(type),
  parse: (stdout) =>
    stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line)),
};

/** A Helm release is a chart of somebody else: the judges know none, and it is listed as an exception. */
function isRelease(type: string): boolean {
  return type.startsWith("kubernetes:helm.sh/");
}

/** What is judged: a file for the judges, and what it holds. */
export type Captured = Pick<Preview, "file" | "resources">;

/** Judges every resource of a preview: only ACCEPT passes, and every one must have been judged. */
export async function judgePreview(contracts: string, preview: Preview): Promise<Check[]> {
  const what = `preview ${preview.environment}`;
  return [await judgeBy(ARM, contracts, preview, what), await judgeBy(KUBERNETES, contracts, preview, what)];
}

/** Judges what goes to Azure alone, by the same rule; `what` says whose resources they are. */
export function judgeAzure(contracts: string, what: string, captured: Captured): Promise<Check> {
  return judgeBy(ARM, contracts, captured, what);
}

/** Judges what goes to Kubernetes alone, by the same rule. */
export function judgeKubernetes(contracts: string, what: string, captured: Captured): Promise<Check> {
  return judgeBy(KUBERNETES, contracts, captured, what);
}

async function judgeBy(judge: Judge, contracts: string, preview: Captured, what: string): Promise<Check> {
  const expected = preview.resources.filter((r) => judge.judges(r.type));
  const name = `${judge.name} accepts all ${expected.length} resources of ${what}`;
  if (expected.length === 0) return failed(name, "there are none to judge");
  const [program, ...args] = judge.command(contracts, preview.file);
  const ended = await run(program, args, JUDGE_LIMIT_MS);
  // 1 is a verdict; anything else is a judge that did not judge.
  if (ended.status !== 0 && ended.status !== 1)
    return failed(name, `${program} ended with ${ended.status ?? "no status"}: ${ended.stderr.trim().slice(-1_000)}`);
  const verdicts = z.array(verdict).safeParse(judge.parse(ended.stdout));
  if (!verdicts.success) return failed(name, `the judge's output is not what was expected: ${verdicts.error.message}`);
  const notes = verdicts.data.filter((v) => v.verdict !== "ACCEPT").map(said);
  if (verdicts.data.length !== expected.length)
    notes.unshift(`${verdicts.data.length} were judged, there are ${expected.length}`);
  if (ended.status !== 0 && notes.length === 0)
    notes.push(`the judge ended with ${ended.status}: ${ended.stderr.trim()}`);
  return notes.length === 0 ? passed(name, ...exceptions(judge, preview)) : failed(name, ...notes);
}

function exceptions(judge: Judge, { resources }: Captured): string[] {
  if (judge !== KUBERNETES) return [];
  return resources
    .filter((r) => isRelease(r.type))
    .map((r) => `not judged, a Helm release: ${r.urn.split("::").at(-1)}`);
}

function said({ verdict: word, type, gvk, name, reason, findings }: Verdict): string {
  const why = findings
    .filter((f) => ["reject", "likely"].includes(f.sev))
    .map((f) => `${f.path ?? "-"}: ${f.msg ?? ""}`);
  return `${word} ${type ?? gvk ?? ""} ${name ?? ""} ${[reason ?? "", ...why].filter((w) => w !== "").join("; ")}`;
}
