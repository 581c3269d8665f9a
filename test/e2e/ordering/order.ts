/** One effect: a line of the log that the workers of a run share. */
export interface Effect {
  session: string;
  /** The message's number within its session, from 0. */
  number: number;
  worker: string;
  deliveryCount: number;
}

/** What a log says of order. */
export interface Order {
  /** What is wrong, a sentence each; empty where order is intact. */
  violations: string[];
  /** Effects that were done again. */
  repeats: number;
  /** Times that the next effect of a session was another worker's. */
  handOvers: number;
  highestDeliveryCount: number;
}

/** The effects of a log; a line that a kill has cut off can only be the last of its writer, and is refused here. */
export function effectsOf(log: string): Effect[] {
  return log
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [, session, number, worker, deliveryCount] = /^(\S+) (\d+) (\S+) (\d+)$/.exec(line) ?? [];
      if (session === undefined || worker === undefined) throw new Error(`This is no effect: ${JSON.stringify(line)}`);
      return { session, number: Number(number), worker, deliveryCount: Number(deliveryCount) };
    });
}

/**
 * Judges order. The invariant, for the effects of each session in the order in which they were done: the first is number
 * 0, and each further one has the number of the one before it or the next number; the last has number `messages - 1`.
 *
 * So first effects are in order and without a gap, and nothing is done again but the newest message, the only one that
 * can be done and not settled: never one after a later one of its session.
 */
export function judgeOrder(effects: readonly Effect[], sessions: readonly string[], messages: number): Order {
  const last = new Map<string, Effect>();
  const order: Order = { violations: [], repeats: 0, handOvers: 0, highestDeliveryCount: 0 };
  for (const [line, effect] of effects.entries()) {
    const { session, number, worker } = effect;
    const before = last.get(session);
    const newest = before?.number ?? -1;
    if (number === newest) order.repeats++;
    else if (number !== newest + 1)
      order.violations.push(`line ${line + 1}: ${session} did number ${number} by ${worker} after number ${newest}`);
    if (before !== undefined && before.worker !== worker) order.handOvers++;
    order.highestDeliveryCount = Math.max(order.highestDeliveryCount, effect.deliveryCount);
    last.set(session, effect);
  }
  for (const session of sessions) {
    const end = last.get(session)?.number ?? -1;
    if (end !== messages - 1) order.violations.push(`${session} ends with number ${end} of ${messages - 1}`);
  }
  const known = new Set(sessions);
  for (const session of last.keys()) if (!known.has(session)) order.violations.push(`nobody sent session ${session}`);
  return order;
}
