import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** A manifest as a worker writes it, read by its own rules: the verifier shares no code with the writer. */
const manifestSchema = z.object({
  manifestVersion: z.literal(1),
  pipeline: z.string(),
  entity: z.string().min(1),
  messageId: z.string().min(1),
  sequenceNumber: z.string().regex(/^-?\d+$/),
  attempt: z.int().min(1),
  bodySha256: z.string().regex(/^[0-9a-f]{64}$/),
  result: z.string().regex(/^[^/]+$/),
  size: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  worker: z.string().min(1),
  traceId: z.string().regex(/^[0-9a-f]{32}$/),
  enqueuedTime: z.iso.datetime(),
  storedAt: z.iso.datetime(),
});

/** The record of one stored result. */
export type ResultManifest = z.infer<typeof manifestSchema>;

/** A stored result whose manifest, file name, size and content agree. */
export interface VerifiedResult {
  manifest: ResultManifest;
  /** Path of the result. */
  path: string;
}

/** A manifest that something is wrong with. */
export interface BrokenResult {
  /** Path of the manifest. */
  manifest: string;
  reason: string;
}

/** What lies in a pipeline's directory. */
export interface StoredResults {
  verified: VerifiedResult[];
  broken: BrokenResult[];
  /** Results without a manifest: of runs that died before they were stored. They do not count. */
  orphans: string[];
}

/** Folders of results: two hexadecimal digits. */
const FOLDER = /^[0-9a-f]{2}$/;

/**
 * Reads what is stored in `directory` of a volume, and checks it: each manifest names an existing file of its size
 * and SHA-256, and is named after the SHA-256 of its entity, a line feed and its message id. An absent directory
 * holds nothing.
 */
export async function readResults(volumePath: string, directory: string): Promise<StoredResults> {
  const found: StoredResults = { verified: [], broken: [], orphans: [] };
  const root = join(volumePath, directory);
  for (const folder of (await namesIn(root)).filter((name) => FOLDER.test(name)))
    await readFolder(join(root, folder), found);
  return found;
}

async function readFolder(folder: string, found: StoredResults): Promise<void> {
  const names = await namesIn(folder);
  const results = new Set(names.filter((name) => !name.endsWith(".json")));
  for (const name of names.filter((each) => each.endsWith(".json"))) {
    const path = join(folder, name);
    const checked = await check(folder, name);
    if (typeof checked === "string") found.broken.push({ manifest: path, reason: checked });
    else {
      found.verified.push({ manifest: checked, path: join(folder, checked.result) });
      results.delete(checked.result);
    }
  }
  found.orphans.push(...[...results].map((name) => join(folder, name)));
}

/** The manifest where all agrees, else what does not. */
async function check(folder: string, name: string): Promise<ResultManifest | string> {
  let manifest: ResultManifest;
  try {
    manifest = manifestSchema.parse(JSON.parse(await readFile(join(folder, name), "utf8")));
  } catch (error) {
    return `is no manifest: ${error instanceof Error ? error.message : String(error)}`;
  }
  const key = createHash("sha256").update(`${manifest.entity}\n${manifest.messageId}`).digest("hex");
  if (name !== `${key}.json`) return `is named after another message than ${manifest.messageId}`;
  const content = await digest(join(folder, manifest.result));
  if (content === undefined) return `names ${manifest.result}, which cannot be read`;
  if (content.size !== manifest.size) return `says ${manifest.size} bytes, the result has ${content.size}`;
  if (content.sha256 !== manifest.sha256) return `says SHA-256 ${manifest.sha256}, the result has ${content.sha256}`;
  return manifest;
}

async function digest(path: string): Promise<{ size: number; sha256: string } | undefined> {
  const hash = createHash("sha256");
  let size = 0;
  try {
    for await (const chunk of createReadStream(path)) {
      hash.update(chunk);
      size += chunk.length;
    }
  } catch {
    return undefined;
  }
  return { size, sha256: hash.digest("hex") };
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
