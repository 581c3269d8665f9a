/**
 * The service moves a message at most so many times from one queue or topic to the next; at the one after that it
 * dead-letters it with the reason MaxTransferHopCountExceeded. Source: the service's page on dead-letter queues.
 */
export const MAX_HOPS = 4;

/** One way by which messages go from an entity to the next. */
export interface Hop {
  /** The setting that says so: `queues.renders.forwardTo`. */
  path: string;
  /** The queue or topic that messages leave. A subscription's messages leave its topic. */
  from: string;
  /** The queue or topic that they go to. */
  to: string;
}

/** Some hops in a row, and the names of what they pass. */
export interface Way {
  /** The hop to change. */
  hop: Hop;
  names: string[];
}

/** A name as the service compares it: without case. */
export const nameKey = (name: string): string => name.toLowerCase();

/**
 * The circles in which messages would go round, each named by its first hop. Without those hops there is no circle
 * left: who takes them all away is not told of another one at the next try.
 */
export function circles(hops: Hop[]): Way[] {
  const found: Way[] = [];
  let left = hops;
  for (let round = circlesIn(left); round.length > 0; round = circlesIn(left)) {
    const cut = new Set(round.map(({ hop }) => hop));
    left = left.filter((hop) => !cut.has(hop));
    found.push(...round);
  }
  return found;
}

/**
 * The hops that a message would make as its fifth, each with the longest way to it. Hops that are part of a circle are
 * left out: they have a problem of their own.
 */
export function longChains(hops: Hop[]): Way[] {
  const round = roundHops(hops);
  const straight = hops.filter((hop) => !round.has(hop));
  const longest = longestWays(straight);
  return straight
    .filter((hop) => (longest.get(nameKey(hop.from))?.hops ?? 0) === MAX_HOPS)
    .map((hop) => ({ hop, names: [...namesTo(hop.from, longest), hop.to] }));
}

/** Every hop that is part of a circle: from its target there is a way back to its origin. */
function roundHops(hops: Hop[]): Set<Hop> {
  const found = new Set<Hop>();
  for (const { hop: start } of circlesIn(hops)) {
    if (found.has(start)) continue;
    const origin = nameKey(start.from);
    const ahead = reached(origin, hops, "from", "to");
    const back = reached(origin, hops, "to", "from");
    const around = (name: string): boolean => ahead.has(nameKey(name)) && back.has(nameKey(name));
    for (const hop of hops) if (around(hop.from) && around(hop.to)) found.add(hop);
  }
  return found;
}

/** What is reached from an entity, itself among it, over hops that are walked from one end to the other. */
function reached(start: string, hops: Hop[], end: "from" | "to", other: "from" | "to"): Set<string> {
  const next = by(end, hops);
  const found = new Set([start]);
  for (const key of found) for (const hop of next.get(key) ?? []) found.add(nameKey(hop[other]));
  return found;
}

/** The hops by the entity at one of their ends. */
function by(end: "from" | "to", hops: Hop[]): Map<string, Hop[]> {
  const found = new Map<string, Hop[]>();
  for (const hop of hops) {
    const key = nameKey(hop[end]);
    const others = found.get(key);
    if (others === undefined) found.set(key, [hop]);
    else others.push(hop);
  }
  return found;
}

/** One search through all hops; it finds a circle wherever there is one, though not each of several at once. */
function circlesIn(hops: Hop[]): Way[] {
  const from = by("from", hops);
  const seen = new Map<string, "on the way" | "done">();
  const found = new Map<Hop, Way>();
  for (const start of from.keys()) {
    if (seen.has(start)) continue;
    seen.set(start, "on the way");
    const way = [{ key: start, next: 0 }];
    const taken: Hop[] = [];
    for (let here = way.at(-1); here !== undefined; here = way.at(-1)) {
      const hop = from.get(here.key)?.[here.next++];
      if (hop === undefined) {
        seen.set(here.key, "done");
        way.pop();
        taken.pop();
        continue;
      }
      const to = nameKey(hop.to);
      const state = seen.get(to);
      if (state === undefined) {
        seen.set(to, "on the way");
        way.push({ key: to, next: 0 });
        taken.push(hop);
      } else if (state === "on the way") {
        const round = [...taken.slice(way.findIndex(({ key }) => key === to)), hop];
        const [first] = round;
        if (first !== undefined && !found.has(first))
          found.set(first, { hop: first, names: [first.from, ...round.map((each) => each.to)] });
      }
    }
  }
  return [...found.values()];
}

/** The longest way to an entity: how many hops, and which comes last. */
interface Longest {
  hops: number;
  last?: Hop;
}

/** The longest way to each entity. The hops hold no circle. */
function longestWays(hops: Hop[]): Map<string, Longest> {
  const from = by("from", hops);
  const open = new Map<string, number>();
  for (const hop of hops) open.set(nameKey(hop.to), (open.get(nameKey(hop.to)) ?? 0) + 1);
  const found = new Map<string, Longest>();
  const ready = [...from.keys()].filter((key) => !open.has(key));
  for (let key = ready.pop(); key !== undefined; key = ready.pop()) {
    const steps = (found.get(key)?.hops ?? 0) + 1;
    for (const hop of from.get(key) ?? []) {
      const to = nameKey(hop.to);
      if (steps > (found.get(to)?.hops ?? 0)) found.set(to, { hops: steps, last: hop });
      const left = (open.get(to) ?? 0) - 1;
      open.set(to, left);
      if (left === 0) ready.push(to);
    }
  }
  return found;
}

/** The names on the longest way to an entity, itself last. */
function namesTo(entity: string, longest: Map<string, Longest>): string[] {
  const names = [entity];
  for (let hop = longest.get(nameKey(entity))?.last; hop !== undefined; hop = longest.get(nameKey(hop.from))?.last)
    names.unshift(hop.from);
  return names;
}
