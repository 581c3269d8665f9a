import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import type { BuildOptions } from "esbuild";

/** The worker as one file, relative to the package's root: what the image holds and what runs locally. */
export const WORKER_BUNDLE = "dist/worker/stowage-worker.cjs";
/**
 * How Node runs the bundle, in the image as here. Messages come and go by the thousand a second, and left alone V8 lets
 * their garbage grow before it looks at it. With bodies of 1 KiB the process holds 153 MiB at most so. A young generation
 * twice as large takes 4 % less CPU a message, and 179 MiB of the 200 that it is to stay below.
 */
export const WORKER_NODE_OPTIONS = ["--max-semi-space-size=16", "--heap-growing-percent=80"] as const;
/** What the last bundle was made of. */
const RECORD = "dist/worker/inputs.json";
const ENTRY = "runtime/main.ts";
/** This file: how the bundle is made is as much an input as what it is made of. */
const MAKER = "stacks/local/bundle.ts";

/** Size and time of each input; any difference makes the bundle anew. */
interface BundleRecord {
  options: string;
  inputs: { [path: string]: string };
}

/**
 * Makes the worker's bundle where its inputs have changed since the last time. `root` is the package's root.
 * Gives true where it was made, false where it was up to date.
 */
export async function bundleWorker(root: string): Promise<boolean> {
  const options = {
    absWorkingDir: root,
    entryPoints: [ENTRY],
    outfile: WORKER_BUNDLE,
    bundle: true,
    platform: "node",
    target: "node22",
    format: "cjs",
    sourcemap: "external",
    legalComments: "external",
    banner: { js: "#!/usr/bin/env node" },
    logLevel: "warning",
  } satisfies BuildOptions;
  const key = createHash("sha256")
    .update(JSON.stringify({ ...options, absWorkingDir: "" }))
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  if (isUpToDate(root, key)) return false;
  const { build } = await import("esbuild");
  const { metafile, outputFiles } = await build({ ...options, metafile: true, write: false });
  const inputs = [...Object.keys(metafile.inputs), MAKER].map((path) => [path, stamp(join(root, path))] as const);
  const record: BundleRecord = { options: key, inputs: Object.fromEntries(inputs) };
  mkdirSync(join(root, "dist/worker"), { recursive: true });
  for (const { path, text } of outputFiles) replace(path, path.endsWith(".cjs") ? inAscii(text) : text);
  replace(join(root, RECORD), JSON.stringify(record));
  return true;
}

/**
 * The bundle with nothing but ASCII. V8 keeps the source of what it runs, and one character beyond Latin-1 (esbuild leaves
 * those that stand in regular expressions and comments) makes it take two bytes for each of its five million.
 */
function inAscii(code: string): string {
  return code.replaceAll(/[^\0-\x7F]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Replaces a file at once: a worker that starts meanwhile reads the old bundle or the new one, never half of one. */
function replace(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, content);
  renameSync(temporary, path);
}

function isUpToDate(root: string, options: string): boolean {
  if (!existsSync(join(root, WORKER_BUNDLE))) return false;
  const record = readRecord(root);
  return (
    record?.options === options && Object.entries(record.inputs).every(([path, was]) => stamp(join(root, path)) === was)
  );
}

function readRecord(root: string): BundleRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(root, RECORD), "utf8")) as BundleRecord;
  } catch {
    return undefined;
  }
}

function stamp(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "absent" : `${stat.size} ${stat.mtimeMs}`;
}

if (require.main === module) {
  const root = resolve(__dirname, "../../..");
  bundleWorker(root).catch((error: unknown) => {
    process.stderr.write(`${relative(root, __filename)}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
}
