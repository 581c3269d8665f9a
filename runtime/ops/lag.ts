import type { Browser } from "./browse.js";
import type { Namespace } from "./connect.js";
import { learn } from "./entityFacts.js";
import { pathOf, type Target } from "./target.js";

/** How far behind an entity is. */
export interface Lag {
  entity: string;
  /** Messages that wait or are being worked on. */
  active: Counted;
  /** Messages whose time has not come. */
  scheduled: Counted;
  /** Messages that somebody put aside, to be fetched by their number. */
  deferred: Counted;
  deadLetters: Counted;
  /** Age in seconds of the oldest message that waits or is being worked on; absent where there is none. */
  oldestSeconds?: number;
  /** Age in seconds of the oldest dead letter, since the entity took its message; absent where there is none. */
  oldestDeadLetterSeconds?: number;
  /** Why the counts are not the service's own; absent where they are. */
  unseen?: string;
}

export interface Counted {
  count: number;
  /** True where the look ended before the last message: there may be more. */
  atLeast: boolean;
}

export interface LagOptions {
  namespace: Namespace;
  target: Target;
  /** Of the entity, and of its dead letters; kept from look to look. */
  browsers: { waiting: Browser; deadLetters: Browser };
  /** Messages that are looked at where the counts cannot be read, at most. */
  look: number;
  now: () => number;
  signal: AbortSignal;
}

/** What a look through an entity found. */
interface Look {
  active: number;
  scheduled: number;
  deferred: number;
  /** When the oldest active one was taken, in milliseconds since 1970. */
  oldestAt: number | undefined;
  whole: boolean;
}

/**
 * Looks at an entity and its dead letters without taking anything. Exact counts take the manage right; without it messages
 * are counted one by one, up to a limit.
 */
export async function lagOf({ namespace, target, browsers, look, now, signal }: LagOptions): Promise<Lag> {
  const learnt = await learn(namespace.admin, target);
  const counts = "facts" in learnt ? learnt.facts.counts : undefined;
  const waiting = await looked(browsers.waiting, look, signal, counts !== undefined);
  const dead = await looked(browsers.deadLetters, look, signal, counts !== undefined);
  const counted = (exact: number | undefined, found: number, { whole }: Look): Counted =>
    exact === undefined ? { count: found, atLeast: !whole } : { count: exact, atLeast: false };
  return {
    entity: pathOf(target),
    // The service counts deferred messages among the active ones.
    active: counted(counts?.active, waiting.active, waiting),
    scheduled: counted(counts?.scheduled, waiting.scheduled, waiting),
    deferred: { count: waiting.deferred, atLeast: !waiting.whole },
    deadLetters: counted(counts?.deadLetter, dead.active + dead.deferred, dead),
    ...(waiting.oldestAt === undefined ? {} : { oldestSeconds: age(now(), waiting.oldestAt) }),
    ...(dead.oldestAt === undefined ? {} : { oldestDeadLetterSeconds: age(now(), dead.oldestAt) }),
    ...("facts" in learnt ? {} : { unseen: learnt.unseen }),
  };
}

function age(now: number, at: number): number {
  return Math.max(0, Math.round((now - at) / 1_000));
}

/** Looks until the limit, or, where only the age is asked for, until the first active one. */
async function looked(browser: Browser, most: number, signal: AbortSignal, ageOnly: boolean): Promise<Look> {
  const found: Look = { active: 0, scheduled: 0, deferred: 0, oldestAt: undefined, whole: true };
  let seen = 0;
  for await (const { state, enqueuedTimeUtc } of browser.messages({ signal })) {
    if (seen++ >= most) {
      found.whole = false;
      break;
    }
    found[state]++;
    const at = enqueuedTimeUtc?.getTime();
    if (state !== "active" || at === undefined) continue;
    found.oldestAt = Math.min(found.oldestAt ?? at, at);
    if (ageOnly) {
      found.whole = false;
      break;
    }
  }
  return found;
}
