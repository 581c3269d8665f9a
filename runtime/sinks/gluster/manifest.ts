/** Version of the manifest's form. */
export const MANIFEST_VERSION = 1;

/**
 * The record of a stored result, JSON, beside it. Its existence is what "stored" means. It says all that is needed
 * to check the result against the message that it came from.
 */
export interface Manifest {
  manifestVersion: number;
  pipeline: string;
  /** Path of the source entity. */
  entity: string;
  messageId: string;
  /** int64 as decimal text. */
  sequenceNumber: string;
  /** Number of the run that gave the result, as the job was told it in STOWAGE_ATTEMPT. */
  attempt: number;
  /** SHA-256 of the message's body. */
  bodySha256: string;
  /** File name of the result, in the same folder. */
  result: string;
  /** Its size in bytes and its SHA-256. */
  size: number;
  sha256: string;
  /** Name of the worker's pod. */
  worker: string;
  traceId: string;
  /** ISO 8601. */
  enqueuedTime: string;
  storedAt: string;
}

/** What the sink needs of a manifest that it finds. */
export type StoredResult = Pick<Manifest, "bodySha256" | "result">;

/** Reads a manifest. Throws where it is none: it is written whole or not at all, so that points to a broken disk. */
export function parseManifest(text: string, path: string): StoredResult {
  const manifest: unknown = JSON.parse(text);
  if (
    typeof manifest === "object" &&
    manifest !== null &&
    "bodySha256" in manifest &&
    typeof manifest.bodySha256 === "string" &&
    "result" in manifest &&
    typeof manifest.result === "string"
  )
    return { bodySha256: manifest.bodySha256, result: manifest.result };
  throw new Error(`${path} is not a manifest: bodySha256 or result is missing`);
}
