import type { Clock } from "./clock.js";
import type { Deadlines } from "./deadlines.js";
import type { ForwardTarget } from "./forwarding.js";
import type { Journal } from "./journal.js";
import type { MemoryLedger } from "./memory.js";
import type { Lock, StoredMessage } from "./message.js";
import type { SettledOutcome } from "./settlement.js";
/** What all queues of one broker share. */
export interface QueueContext {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly memory: MemoryLedger;
  /** Told of what is to outlive the process; undefined where nothing does. */
  readonly journal: Journal | undefined;
  /** Every open lock, by its id. */
  readonly locks: Map<number, Lock>;
  nextLockId(): number;
  /** The queue or topic of that name, as the end of a forward. */
  forwardTarget(name: string): ForwardTarget | undefined;
  /** Told whenever a delivery or a message's stay ended; `path` is where it was. */
  settled(path: string, message: StoredMessage, outcome: SettledOutcome): void;
}
