import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { packageRoot } from "../../stacks/packageRoot.js";

/** Time limit of one preview, in milliseconds; building the engine first is the longer part. */
const PREVIEW_LIMIT_MS = 20 * 60_000;
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;

const previewSchema = z.object({
  steps: z.array(
    z.object({
      op: z.string(),
      urn: z.string(),
      newState: z.object({ type: z.string() }).optional(),
      oldState: z.object({ type: z.string() }).optional(),
    }),
  ),
});

/** A resource of a preview. */
export interface PreviewedResource {
  urn: string;
  type: string;
}

export interface Preview {
  environment: string;
  /** File with the preview's JSON, for the judges. */
  file: string;
  resources: PreviewedResource[];
}

/** What a program printed and how it ended; `status` undefined where it could not be started. */
export interface Ended {
  status: number | undefined;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end, with a time limit; a status that is not 0 is no error here. */
export function run(program: string, args: string[], limitMs: number): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { cwd: packageRoot(), timeout: limitMs, maxBuffer: MAX_OUTPUT_BYTES };
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      resolve({
        status: typeof code === "number" ? code : undefined,
        stdout,
        stderr: `${stderr}${error?.message ?? ""}`,
      });
    });
  });
}

/**
 * To Azure Resource Manager the rule `$Default` is a rule like any other; only azure-native has a type of its own for
 * it, as it is there before anyone makes it. The judge knows ARM's types, so it gets that rule as what ARM gets.
 */
export function asArmSeesIt(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asArmSeesIt);
  if (typeof value !== "object" || value === null) return value;
  const seen = Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, asArmSeesIt(entry)]));
  if (seen["type"] !== "azure-native:servicebus:DefaultRule") return seen;
  return { ...seen, type: "azure-native:servicebus:Rule", inputs: { ...Object(seen["inputs"]), ruleName: "$Default" } };
}

/** Previews an environment by the command that users have; throws with its last words where it fails. */
export async function previewOf(environment: string, folder: string): Promise<Preview> {
  const bin = join(packageRoot(), "dist", "stacks", "cli", "bin.js");
  const { status, stdout, stderr } = await run(
    process.execPath,
    [bin, "preview", environment, "--json"],
    PREVIEW_LIMIT_MS,
  );
  if (status !== 0) throw new Error(`preview ${environment} ended with ${status}: ${stderr.trim().slice(-2_000)}`);
  const file = join(folder, `${environment}.json`);
  writeFileSync(file, JSON.stringify(asArmSeesIt(JSON.parse(stdout))));
  const { steps } = previewSchema.parse(JSON.parse(stdout));
  const resources = steps
    .filter((step) => step.op !== "delete")
    .flatMap((step) => {
      const type = (step.newState ?? step.oldState)?.type;
      return type === undefined ? [] : [{ urn: step.urn, type }];
    });
  return { environment, file, resources };
}
