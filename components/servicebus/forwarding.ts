import { type Problem, problem } from "../../runtime/contract/index.js";
import type { ServiceBusEntitiesArgs } from "./args.js";

/** An entity that may forward, with where it stands in the args and where its messages go. */
export interface Forwarder {
  /** Path in the args: `queues.renders`, `topics.events.subscriptions.audit`. */
  path: string;
  /** What messages must pass to come here: the queue itself, or the subscription's topic. */
  entity: string;
  requiresSession: boolean;
  forwardTo?: string;
  forwardDeadLettersTo?: string;
}

/** Every queue and subscription, in the order of the args. */
export function forwarders(args: ServiceBusEntitiesArgs): Forwarder[] {
  const queues = Object.entries(args.queues ?? {}).map(([name, q]) => forwarder(`queues.${name}`, name, q));
  const subscriptions = Object.entries(args.topics ?? {}).flatMap(([topic, t]) =>
    Object.entries(t.subscriptions ?? {}).map(([name, s]) =>
      forwarder(`topics.${topic}.subscriptions.${name}`, topic, s),
    ),
  );
  return [...queues, ...subscriptions];
}

function forwarder(
  path: string,
  entity: string,
  from: { requiresSession?: boolean; forwardTo?: string; forwardDeadLettersTo?: string },
): Forwarder {
  const { forwardTo, forwardDeadLettersTo } = from;
  return {
    path,
    entity,
    requiresSession: from.requiresSession === true,
    ...(forwardTo === undefined ? {} : { forwardTo }),
    ...(forwardDeadLettersTo === undefined ? {} : { forwardDeadLettersTo }),
  };
}

/** Service Bus compares names without case. */
export const sameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** Where an entity sends messages on to, with the setting that says so. */
function targets(f: Forwarder): { setting: "forwardTo" | "forwardDeadLettersTo"; target: string }[] {
  return (["forwardTo", "forwardDeadLettersTo"] as const).flatMap((setting) => {
    const target = f[setting];
    return target === undefined ? [] : [{ setting, target }];
  });
}

/** Targets that do not exist, sources with sessions, and messages that would go round in a circle. */
export function forwardingProblems(args: ServiceBusEntitiesArgs): Problem[] {
  const names = [...Object.keys(args.queues ?? {}), ...Object.keys(args.topics ?? {})];
  const all = forwarders(args);
  const found: Problem[] = [];
  for (const f of all) {
    for (const { setting, target } of targets(f)) {
      if (!names.some((name) => sameName(name, target)))
        found.push(
          problem(
            `${f.path}.${setting}`,
            target,
            "is not a queue or topic of this namespace",
            `Add it, or use one of ${names.join(", ")}`,
          ),
        );
    }
    if (f.forwardTo !== undefined && f.requiresSession)
      found.push(
        problem(
          `${f.path}.forwardTo`,
          f.forwardTo,
          "cannot be used with requiresSession: the service does not forward from sessions",
          "Remove one of the two",
        ),
      );
  }
  return [...found, ...cycleProblems(all)];
}

/** One problem for each circle of entities, whichever settings make it. */
function cycleProblems(all: Forwarder[]): Problem[] {
  const found: Problem[] = [];
  const reported = new Set<string>();
  for (const start of all) {
    const cycle = cycleFrom(start, all);
    if (cycle === undefined) continue;
    const key = [...new Set(cycle.map((name) => name.toLowerCase()))].sort().join("\n");
    if (reported.has(key)) continue;
    reported.add(key);
    const setting = targets(start).find(({ target }) => sameName(target, cycle[1] ?? ""))?.setting ?? "forwardTo";
    found.push(
      problem(
        `${start.path}.${setting}`,
        start[setting],
        `makes messages go round: ${cycle.join(" -> ")}`,
        "Let one of them keep its messages",
      ),
    );
  }
  return found;
}

/** The names from `start` round to itself, or undefined where there is no way back. */
function cycleFrom(start: Forwarder, all: Forwarder[]): string[] | undefined {
  const seen = new Set<string>();
  const walk = (name: string, way: string[]): string[] | undefined => {
    if (sameName(name, start.entity)) return [...way, name];
    if (seen.has(name.toLowerCase())) return undefined;
    seen.add(name.toLowerCase());
    for (const f of all) {
      if (!sameName(f.entity, name)) continue;
      for (const { target } of targets(f)) {
        const back = walk(target, [...way, name]);
        if (back !== undefined) return back;
      }
    }
    return undefined;
  };
  for (const { target } of targets(start)) {
    const back = walk(target, [start.entity]);
    if (back !== undefined) return back;
  }
  return undefined;
}

/**
 * The queues in an order in which every target stands before what forwards to it, as Azure wants them created.
 * Topics depend on nothing and come before all queues; subscriptions come after. The args must be valid.
 */
export function queueOrder(args: ServiceBusEntitiesArgs): string[] {
  const queues = Object.keys(args.queues ?? {});
  const byName = new Map(forwarders(args).map((f) => [f.path, f]));
  const ordered: string[] = [];
  const place = (name: string): void => {
    if (ordered.includes(name)) return;
    const f = byName.get(`queues.${name}`);
    for (const { target } of f === undefined ? [] : targets(f)) {
      const queue = queues.find((candidate) => sameName(candidate, target));
      if (queue !== undefined) place(queue);
    }
    ordered.push(name);
  };
  for (const name of queues) place(name);
  return ordered;
}
