import type { LinstorApi } from "./api.js";

/** Message ids are spread over so many key-value stores by their hash: 3 hexadecimal digits. */
const SHARD_DIGITS = 3;
/** Message ids that each of them remembers: 262,144 together. */
const CLAIMS_IN_SHARD = 64;
const CLAIM = /^(\d+) ([0-9a-f]{64}) (.+)$/;

/** What a message id was first used for. */
export interface Claim {
  bodySha256: string;
  volume: string;
}

function shardOf(key: string): string {
  return `stowage_ids_${key.slice(0, SHARD_DIGITS)}`;
}

/**
 * Claims a message id for a body, and gives the claim that stands: another one where the id was used before for
 * another command, maybe on another volume. The last 64 ids of a shard are remembered.
 */
export async function claim(api: LinstorApi, key: string, mine: Claim, now: Date, signal: AbortSignal): Promise<Claim> {
  const shard = shardOf(key);
  const props = (await api.store(shard, signal)) ?? {};
  const found = read(props[key]);
  if (found !== undefined) return found.claim;
  const surplus = Object.entries(props)
    .map(([other, text]) => ({ other, at: read(text)?.at ?? 0 }))
    .sort((a, b) => a.at - b.at)
    .slice(0, Math.max(0, Object.keys(props).length + 1 - CLAIMS_IN_SHARD))
    .map(({ other }) => other);
  const text = `${now.getTime()} ${mine.bodySha256} ${mine.volume}`;
  await api.changeStore(shard, { set: { [key]: text }, remove: surplus }, signal);
  return mine;
}

function read(text: string | undefined): { at: number; claim: Claim } | undefined {
  const [, at, bodySha256, volume] = CLAIM.exec(text ?? "") ?? [];
  if (at === undefined || bodySha256 === undefined || volume === undefined) return undefined;
  return { at: Number(at), claim: { bodySha256, volume } };
}
