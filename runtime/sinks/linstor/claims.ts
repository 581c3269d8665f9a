import { VolumeResult } from "../../contract/index.js";
import type { LinstorApi, Properties } from "./api.js";

/** Message ids are spread over so many key-value stores by their hash: 3 hexadecimal digits. */
const SHARD_DIGITS = 3;
/** Message ids that each of them remembers: 262,144 together. */
const CLAIMS_IN_SHARD = 64;
const CLAIM = /^(\d+) ([0-9a-f]{64}) (\S+)(?: (\S+))?$/;

/** What a message id was first used for. */
export interface Claim {
  bodySha256: string;
  volume: string;
  /**
   * What came of the command, once the history of its volume has let go of it. Without it the history tells, and a
   * claim whose command is not there either was never begun.
   */
  result?: VolumeResult;
}

interface Standing {
  /** Milliseconds since 1970 of the claim. */
  at: number;
  claim: Claim;
}

function shardOf(key: string): string {
  return `stowage_ids_${key.slice(0, SHARD_DIGITS)}`;
}

/**
 * Claims a message id for a body, and gives the claim that stands: another one where the id was used before for
 * another command, maybe on another volume. The last 64 ids of a shard are remembered.
 */
export async function claim(api: LinstorApi, key: string, mine: Claim, now: Date, signal: AbortSignal): Promise<Claim> {
  const props = await shard(api, key, signal);
  const found = read(props[key]);
  if (found !== undefined) return found.claim;
  await write(api, key, props, { at: now.getTime(), claim: mine }, signal);
  return mine;
}

/** The claim that stands for a message id; undefined where there is none, or none any more. */
export async function findClaim(
  api: LinstorApi,
  key: string,
  signal: AbortSignal,
): Promise<(Claim & { at: Date }) | undefined> {
  const found = read((await shard(api, key, signal))[key]);
  return found === undefined ? undefined : { ...found.claim, at: new Date(found.at) };
}

/**
 * Notes the result of a command in its claim, before the history lets go of it: a duplicate that comes later is not
 * taken for a command that was claimed and never begun. `at` stands in for the time of a claim that is gone.
 */
export async function closeClaim(
  api: LinstorApi,
  key: string,
  closed: Required<Claim>,
  at: Date,
  signal: AbortSignal,
): Promise<void> {
  const props = await shard(api, key, signal);
  await write(api, key, props, { at: read(props[key])?.at ?? at.getTime(), claim: closed }, signal);
}

async function shard(api: LinstorApi, key: string, signal: AbortSignal): Promise<Properties> {
  return (await api.store(shardOf(key), signal)) ?? {};
}

/** Writes a claim to its shard, and forgets the oldest others beyond the limit. */
async function write(
  api: LinstorApi,
  key: string,
  props: Properties,
  { at, claim: { bodySha256, volume, result } }: Standing,
  signal: AbortSignal,
): Promise<void> {
  const others = Object.entries(props).filter(([other]) => other !== key);
  const surplus = others
    .map(([other, text]) => ({ other, at: read(text)?.at ?? 0 }))
    .sort((a, b) => a.at - b.at)
    .slice(0, Math.max(0, others.length + 1 - CLAIMS_IN_SHARD))
    .map(({ other }) => other);
  const text = [at, bodySha256, volume, ...(result === undefined ? [] : [result])].join(" ");
  await api.changeStore(shardOf(key), { set: { [key]: text }, remove: surplus }, signal);
}

function read(text: string | undefined): Standing | undefined {
  const [, at, bodySha256, volume, word] = CLAIM.exec(text ?? "") ?? [];
  if (at === undefined || bodySha256 === undefined || volume === undefined) return undefined;
  const result = Object.values(VolumeResult).find((known) => known === word);
  return { at: Number(at), claim: { bodySha256, volume, ...(result === undefined ? {} : { result }) } };
}
