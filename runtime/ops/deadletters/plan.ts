import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import type { Browser, Position } from "../browse.js";
import type { MessageCondition } from "../selection.js";

/** What a look through a dead-letter queue found. */
export interface Plan {
  /** Dead letters that were looked at. */
  readonly seen: number;
  /** Those that are meant. */
  readonly matched: number;
  /** Of these, those in a session. */
  readonly withSession: number;
  /** Of these, how many by reason; at most {@link MOST_REASONS} reasons, the rest under `(others)`. */
  readonly reasons: { readonly [reason: string]: number };
  /** Meant and deferred: these are taken by their number, not from the head. At most {@link MOST_DEFERRED}. */
  readonly deferred: readonly Position[];
  /** Dead letters that are not meant and lie before the last one that is. */
  readonly before: number;
  /** False where there are several partitions, whose dead letters come in no common order. */
  readonly ordered: boolean;
  /** True where this one was there at the look, and no later than the last that is meant. */
  covers(message: ServiceBusReceivedMessage): boolean;
}

/** Reasons that are counted one by one. A worker has 14; senders of their own may have any. */
const MOST_REASONS = 200;
/** Positions of deferred dead letters that are kept; run again for more. */
const MOST_DEFERRED = 10_000;
const OTHERS = "(others)";
/** Bits of a sequence number that count; those above are a partition's number. */
const COUNTING_BITS = 48;

/**
 * Looks through a dead-letter queue and counts what is meant. What it keeps is bounded, however many there are.
 * @param limit how many are meant at most, from the first on
 */
export async function makePlan(
  browser: Browser,
  means: MessageCondition,
  { limit = Number.POSITIVE_INFINITY, signal }: { limit?: number; signal?: AbortSignal } = {},
): Promise<Plan> {
  // The last one that is meant, by partition: sequence numbers of one partition say nothing of another's.
  const last = new Map<string, Position>();
  const partitions = new Set<string>();
  const reasons = new Map<string, number>();
  const deferred: Position[] = [];
  let [seen, matched, withSession, before, others] = [0, 0, 0, 0, 0];
  for await (const message of browser.messages(signal === undefined ? {} : { signal })) {
    if (matched >= limit) break;
    seen++;
    const number = message.sequenceNumber;
    if (number !== undefined) partitions.add(partitionOf(number));
    if (number === undefined || !means(message)) {
      others++;
      continue;
    }
    matched++;
    if (message.sessionId !== undefined) withSession++;
    before = others;
    const reason = message.deadLetterReason ?? "";
    const counted = reasons.has(reason) || reasons.size < MOST_REASONS ? reason : OTHERS;
    reasons.set(counted, (reasons.get(counted) ?? 0) + 1);
    if (message.state === "deferred") {
      if (deferred.length < MOST_DEFERRED) deferred.push(number);
    } else {
      const partition = partitionOf(number);
      const known = last.get(partition);
      if (known === undefined || number.greaterThan(known)) last.set(partition, number);
    }
  }
  return {
    ...{ seen, matched, withSession, before, deferred, ordered: partitions.size <= 1 },
    reasons: Object.fromEntries([...reasons].sort((a, b) => b[1] - a[1])),
    covers: ({ sequenceNumber: number }) => {
      const end = number === undefined ? undefined : last.get(partitionOf(number));
      return number !== undefined && end !== undefined && number.lessThanOrEqual(end);
    },
  };
}

function partitionOf(number: Position): string {
  return number.shiftRightUnsigned(COUNTING_BITS).toString();
}
