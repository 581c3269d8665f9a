import { existsSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ExitCode } from "../../runtime/contract/index.js";
import { packageRoot } from "../../stacks/packageRoot.js";
import { busChecks } from "./bus.js";
import { type Check, failed, lines } from "./checks.js";
import { documentedChecks } from "./documented.js";
import { judgePreview } from "./judges.js";
import { linstorChecks } from "./linstor/checks.js";
import { type Preview, previewOf } from "./preview.js";
import { ringChecks } from "./rings.js";

const ENVIRONMENTS = ["dev", "prod"];

/** What the outside world accepts, as checks that run offline; the folder is not part of this package. */
function contractsFolder(): string {
  const folder = resolve(process.env["STOWAGE_CONTRACTS"] ?? join(packageRoot(), "..", "shared", "contracts"));
  // The judges run only where they are called by their own path, not by a link to it.
  return existsSync(folder) ? realpathSync(folder) : folder;
}

/** Runs a group of checks; a group that breaks is one failed check. */
async function group(name: string, run: () => Promise<Check[]>): Promise<Check[]> {
  try {
    return await run();
  } catch (error) {
    return [failed(name, error instanceof Error ? (error.stack ?? error.message) : String(error))];
  }
}

async function previewChecks(contracts: string): Promise<Check[]> {
  const folder = mkdtempSync(join(tmpdir(), "stowage-contracts-"));
  try {
    const checks: Check[] = [];
    const previews: Preview[] = [];
    for (const environment of ENVIRONMENTS)
      checks.push(
        ...(await group(`the preview of ${environment}`, async () => {
          const preview = await previewOf(environment, folder);
          previews.push(preview);
          return judgePreview(contracts, preview);
        })),
      );
    return [...checks, ...documentedChecks(previews)];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const contracts = contractsFolder();
  if (!existsSync(contracts)) {
    process.stderr.write(
      `There is no ${contracts}: the contracts are not part of this package. ` +
        "Set STOWAGE_CONTRACTS to their folder.\n",
    );
    process.exitCode = ExitCode.MissingRequirement;
    return;
  }
  const groups = [
    () => group("LINSTOR", () => linstorChecks(contracts)),
    () => group("a bus of each tier", () => busChecks(contracts)),
    () => group("rings of Cassandra", () => ringChecks(contracts)),
    () => group("previews", () => previewChecks(contracts)),
  ];
  let [good, bad] = [0, 0];
  for (const run of groups)
    for (const check of await run()) {
      if (check.outcome === "passed") good++;
      if (check.outcome === "failed") bad++;
      process.stdout.write(`${lines(check).join("\n")}\n`);
    }
  process.stdout.write(`${good} passed, ${bad} failed\n`);
  process.exitCode = bad === 0 ? ExitCode.Ok : ExitCode.Failed;
}

void main();
