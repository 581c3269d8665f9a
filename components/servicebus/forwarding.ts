import { type Problem, problem } from "../../runtime/contract/index.js";
import type { QueueArgs, ServiceBusEntitiesArgs, SubscriptionArgs } from "./args.js";
import { circles, type Hop, longChains, MAX_HOPS, nameKey } from "./hops.js";

/** Where an entity sends messages on to. */
export interface Forwarding {
  forwardTo?: string;
  forwardDeadLettersTo?: string;
}

/** One target, and the setting that names it. */
export interface Target {
  setting: keyof Forwarding;
  target: string;
}

/** The targets of an entity. */
export function targetsOf(from: Forwarding): Target[] {
  return (["forwardTo", "forwardDeadLettersTo"] as const).flatMap((setting) => {
    const target = from[setting];
    return target === undefined ? [] : [{ setting, target }];
  });
}

/** An entity that may forward, with where it stands in the args and where its messages go. */
export interface Forwarder extends Forwarding {
  /** Path in the args: `queues.renders`, `topics.events.subscriptions.audit`. */
  path: string;
  /** What messages must pass to come here: the queue itself, or the subscription's topic. */
  entity: string;
  requiresSession: boolean;
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

function forwarder(path: string, entity: string, from: QueueArgs | SubscriptionArgs): Forwarder {
  const targets = Object.fromEntries(targetsOf(from).map(({ setting, target }) => [setting, target]));
  return { path, entity, requiresSession: from.requiresSession === true, ...targets };
}

/** Service Bus compares names without case. */
export const sameName = (a: string, b: string): boolean => nameKey(a) === nameKey(b);

/** The names of all queues and topics as they are written in the args, by the name as the service compares it. */
function entityNames(args: ServiceBusEntitiesArgs): Map<string, string> {
  const names = [...Object.keys(args.topics ?? {}), ...Object.keys(args.queues ?? {})];
  return new Map(names.map((name) => [nameKey(name), name]));
}

/** Every hop to an entity that is there. */
export function hopsOf(args: ServiceBusEntitiesArgs): Hop[] {
  const names = entityNames(args);
  return forwarders(args).flatMap((from) =>
    targetsOf(from).flatMap(({ setting, target }) => {
      const to = names.get(nameKey(target));
      return to === undefined ? [] : [{ path: `${from.path}.${setting}`, from: from.entity, to }];
    }),
  );
}

/** At most so many names are listed as what a setting could be. */
const NAMES_SHOWN = 20;

function choice(names: string[]): string {
  const more = names.length > NAMES_SHOWN ? ` or another of ${names.length}` : "";
  return `Add it, or use one of ${names.slice(0, NAMES_SHOWN).join(", ")}${more}`;
}

/** Targets that do not exist, sources with sessions, circles, and chains that are longer than the service follows. */
export function forwardingProblems(args: ServiceBusEntitiesArgs): Problem[] {
  const known = entityNames(args);
  const written = [...Object.keys(args.queues ?? {}), ...Object.keys(args.topics ?? {})];
  const found: Problem[] = [];
  for (const from of forwarders(args)) {
    for (const { setting, target } of targetsOf(from))
      if (!known.has(nameKey(target)))
        found.push(
          problem(`${from.path}.${setting}`, target, "is not a queue or topic of this namespace", choice(written)),
        );
    if (from.forwardTo !== undefined && from.requiresSession)
      found.push(
        problem(
          `${from.path}.forwardTo`,
          from.forwardTo,
          "cannot be used with requiresSession: the service does not forward from sessions",
          "Remove one of the two",
        ),
      );
  }
  const hops = hopsOf(args);
  for (const { hop, names } of circles(hops))
    found.push(
      problem(hop.path, hop.to, `makes messages go round: ${names.join(" -> ")}`, "Let one of them keep its messages"),
    );
  for (const { hop, names } of longChains(hops))
    found.push(
      problem(
        hop.path,
        hop.to,
        `is hop ${MAX_HOPS + 1} of ${names.join(" -> ")}: the service moves a message ${MAX_HOPS} times and then ` +
          "dead-letters it",
        `Let an entity before it forward to ${hop.to}`,
      ),
    );
  return found;
}

/**
 * The queues and topics in an order in which every target stands before what forwards to it, as Azure wants them
 * created. A topic stands for its subscriptions too: by the time that anything is forwarded to it they are there, so
 * that no message is lost in a topic that nobody has subscribed to yet. The args must be valid.
 */
export function entityOrder(args: ServiceBusEntitiesArgs): string[] {
  const targets = new Map<string, string[]>();
  for (const { from, to } of hopsOf(args)) targets.set(nameKey(from), [...(targets.get(nameKey(from)) ?? []), to]);
  const placed = new Set<string>();
  const ordered: string[] = [];
  const place = (name: string): void => {
    const key = nameKey(name);
    if (placed.has(key)) return;
    placed.add(key);
    for (const target of targets.get(key) ?? []) place(target);
    ordered.push(name);
  };
  for (const name of entityNames(args).values()) place(name);
  return ordered;
}
