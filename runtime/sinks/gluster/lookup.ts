import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { pipeline as streamed } from "node:stream/promises";
import { z } from "zod";
import type { GlusterSink } from "../../contract/index.js";
import { errno, onStore } from "./errno.js";
import { Layout } from "./layout.js";
import { MANIFEST_VERSION, type Manifest } from "./manifest.js";
import { checkMarker } from "./marker.js";

const manifestSchema = z.object({
  manifestVersion: z.literal(MANIFEST_VERSION),
  pipeline: z.string(),
  entity: z.string(),
  messageId: z.string(),
  sequenceNumber: z.string(),
  attempt: z.number(),
  bodySha256: z.string(),
  result: z.string().regex(/^[^/]+$/),
  size: z.number(),
  sha256: z.string(),
  worker: z.string(),
  traceId: z.string(),
  enqueuedTime: z.string(),
  storedAt: z.string(),
}) satisfies z.ZodType<Manifest>;

/** What a volume keeps of a message. */
export interface FoundResult {
  manifest: Manifest;
  /** Path of the result on the volume. */
  object: string;
  /** How the result differs from its manifest; absent where it does not. */
  problem?: string;
}

/**
 * What is stored under the SHA-256 of a message's key, the result compared with its manifest; undefined where nothing
 * is. Throws the errors of `checkMarker`, and the system's.
 */
export async function findResult(settings: GlusterSink, hash: string): Promise<FoundResult | undefined> {
  await checkMarker(settings.mountPath, settings.volume);
  const paths = new Layout(settings.mountPath, settings.directory).pathsOf(hash);
  let text: string;
  try {
    text = await onStore(() => readFile(paths.manifest, "utf8"));
  } catch (error) {
    if (errno(error) === "ENOENT") return undefined;
    throw error;
  }
  const manifest = manifestSchema.parse(JSON.parse(text));
  const path = join(paths.folder, manifest.result);
  const found = { manifest, object: relative(settings.mountPath, path) };
  const problem = await difference(path, manifest);
  return problem === undefined ? found : { ...found, problem };
}

async function difference(path: string, { size, sha256 }: Manifest): Promise<string | undefined> {
  const digest = createHash("sha256");
  let bytes = 0;
  try {
    await streamed(createReadStream(path), async (chunks) => {
      for await (const chunk of chunks) {
        digest.update(chunk);
        bytes += chunk.length;
      }
    });
  } catch (error) {
    return `the result cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (bytes !== size) return `the result has ${bytes} bytes, not ${size}`;
  return digest.digest("hex") === sha256 ? undefined : "the result's content is not the one that was stored";
}
