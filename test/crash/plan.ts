import { Seeded } from "../unit/broker-fuzz/seeded.js";
import { CrashKind } from "./kinds.js";

/** A message of a run, and what its sink is to do with it. */
export interface PlannedMessage {
  messageId: string;
  sessionId?: string;
  body: { kind: "good" | "poison" | "killer"; number: number; milliseconds: number };
}

/** Ways to disturb a run. */
export const FaultKind = {
  /** SIGKILL; another worker takes its place. */
  Kill: "kill",
  /** SIGTERM: a worker that is replaced in a roll-out. */
  Term: "term",
  /** SIGSTOP for longer than a lock lasts, then SIGCONT. */
  Stop: "stop",
  /** Every connection is cut. */
  Drop: "drop",
  /** Every link is detached. */
  Detach: "detach",
  /** Connections are half open for a while. */
  Freeze: "freeze",
  /** Settlements are lost on their way to the broker. */
  LoseRequest: "loseRequest",
  /** Settlements are done, and their answers lost. */
  LoseAnswer: "loseAnswer",
  /** Attaches and renewals are answered with ServiceBusy. */
  Busy: "busy",
  /** All answers come late. */
  Slow: "slow",
} as const;
export type FaultKind = (typeof FaultKind)[keyof typeof FaultKind];

export interface PlannedFault {
  kind: FaultKind;
  /** It is brought about once so many effects are there. */
  at: number;
  /** Which worker, of those that take one. */
  slot: number;
  /** From 0 to 1: how long, or how many. */
  measure: number;
}

export interface Plan {
  messages: PlannedMessage[];
  faults: PlannedFault[];
}

/** One message in so many is poison. */
const POISON = 50;
/** Messages of one session. */
const SESSION_LENGTH = 25;
const LONGEST_MILLISECONDS = 20;
/** So many messages on either side of the killer take longer than it needs to kill: beside it they never come to an end. */
const NEIGHBOURS = 5;
const NEIGHBOUR_MILLISECONDS = 1_000;
const KILLER_MILLISECONDS = 200;

/** The messages and faults of a run; the same for the same seed. One of the messages kills its worker every time. */
export function planOf(kind: CrashKind, seed: number, count: number, faults: number): Plan {
  const random = new Seeded(seed);
  const killer = random.below(Math.ceil(count / 2));
  const messages = Array.from({ length: count }, (_, number): PlannedMessage => {
    const what = number === killer ? "killer" : random.oneIn(POISON) ? "poison" : "good";
    const usual = random.below(LONGEST_MILLISECONDS);
    const isNeighbour = Math.abs(number - killer) <= NEIGHBOURS;
    const milliseconds = number === killer ? KILLER_MILLISECONDS : isNeighbour ? NEIGHBOUR_MILLISECONDS : usual;
    const body = { kind: what, number, milliseconds } as const;
    const session = number % Math.ceil(count / SESSION_LENGTH);
    return { messageId: `m-${number}`, body, ...(kind === CrashKind.Session ? { sessionId: `s-${session}` } : {}) };
  });
  return { messages, faults: faultsOf(random, count, faults) };
}

/** Each kind once before any comes again, spread over the first nine tenths of the run. */
function faultsOf(random: Seeded, count: number, faults: number): PlannedFault[] {
  const kinds = Object.values(FaultKind);
  let left: FaultKind[] = [];
  const points = Array.from({ length: faults }, () => random.below(Math.floor(count * 0.9))).sort((a, b) => a - b);
  return points.map((at) => {
    if (left.length === 0) left = [...kinds];
    const [kind = FaultKind.Kill] = left.splice(random.below(left.length), 1);
    return { kind, at, slot: random.below(1_000), measure: random.below(1_000) / 1_000 };
  });
}
