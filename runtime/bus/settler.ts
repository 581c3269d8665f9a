import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import { Bag, type Bagged } from "./bag.js";
import { errorText, isLockLost } from "./errors.js";
import { type OutcomeKind, OutcomeTurns } from "./outcomeTurns.js";

/** The part of the client's receivers that settles. */
export type Settler = Pick<ServiceBusReceiver, "completeMessage" | "abandonMessage" | "deadLetterMessage">;

type Operation = (by: Settler) => Promise<void>;

/** A settlement that was sent and not answered yet. */
interface Settlement extends Bagged {
  operation: Operation;
  resolve(outcome: void | Promise<void>): void;
}

/**
 * Settles over one link. The client itself waits out its time limit for an answer that went down with the link, and
 * holds the message's slot meanwhile; whoever knows of the loss says so here.
 */
export class LinkSettler implements Settler {
  private readonly pending = new Bag<Settlement>();
  private readonly turns = new OutcomeTurns();
  private gone = false;

  constructor(
    private readonly settler: Settler,
    /**
     * Settles by lock token what the link can no longer: a message's lock outlives its link. Undefined where the lock
     * goes with the link, as a session's does; then the settlement fails.
     */
    private readonly other: (() => Settler) | undefined,
  ) {}

  /** The link is lost. */
  lost(): void {
    this.gone = true;
    for (const settlement of this.pending) {
      this.pending.delete(settlement);
      settlement.resolve(this.again(settlement.operation));
    }
  }

  completeMessage(message: ServiceBusReceivedMessage): Promise<void> {
    return this.settle("complete", (by) => by.completeMessage(message));
  }

  abandonMessage(...args: Parameters<Settler["abandonMessage"]>): Promise<void> {
    return this.settle("other", (by) => by.abandonMessage(...args));
  }

  deadLetterMessage(...args: Parameters<Settler["deadLetterMessage"]>): Promise<void> {
    return this.settle("other", (by) => by.deadLetterMessage(...args));
  }

  private settle(kind: OutcomeKind, operation: Operation): Promise<void> {
    if (this.turns.tryEnter(kind)) return this.begin(operation);
    return this.turns.enter(kind).then(() => this.begin(operation));
  }

  private begin(operation: Operation): Promise<void> {
    if (this.gone) return this.instead(operation);
    // Not a race against one lasting promise: that would keep something of every message until the link is lost.
    return new Promise((resolve, reject) => {
      const settlement: Settlement = { operation, resolve, place: undefined };
      this.pending.add(settlement);
      operation(this.settler).then(
        () => {
          this.pending.delete(settlement);
          resolve();
        },
        (error: unknown) => {
          this.pending.delete(settlement);
          reject(error);
        },
      );
    });
  }

  private async instead(operation: Operation): Promise<void> {
    await operation(this.elsewhere());
  }

  private async again(operation: Operation): Promise<void> {
    const other = this.elsewhere();
    try {
      await operation(other);
    } catch (error) {
      if (!isLockLost(error) && !isSettled(error)) throw error;
      // Sent twice, answered once: the first may have arrived, and then there is no lock any more.
      throw coded("SettlementUnknown", "The link was lost before the answer came: it is settled, or it comes again.");
    }
  }

  private elsewhere(): Settler {
    if (this.other === undefined) throw coded("SessionLockLost", "The session's link is lost, and its lock with it.");
    return this.other();
  }
}

/** The client's words for a delivery that the broker had settled before its link was lost; it has no code for that. */
function isSettled(error: unknown): boolean {
  return errorText(error).includes("already settled");
}

function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
