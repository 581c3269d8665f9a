import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import { errorText, isLockLost } from "./errors.js";
import { type OutcomeKind, OutcomeTurns } from "./outcomeTurns.js";

/** The part of the client's receivers that settles. */
export type Settler = Pick<ServiceBusReceiver, "completeMessage" | "abandonMessage" | "deadLetterMessage">;

/**
 * Settles over one link. The client itself waits out its time limit for an answer that went down with the link, and
 * holds the message's slot meanwhile; whoever knows of the loss says so here.
 */
export class LinkSettler implements Settler {
  private readonly pending = new Set<() => void>();
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
    for (const notify of [...this.pending]) notify();
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

  private async settle(kind: OutcomeKind, operation: (by: Settler) => Promise<void>): Promise<void> {
    await this.turns.enter(kind);
    if (this.gone) return operation(this.elsewhere());
    let notify: () => void = () => undefined;
    // Not a race against one lasting promise: that would keep something of every message until the link is lost.
    const answered = await new Promise<boolean>((resolve, reject) => {
      notify = () => resolve(false);
      this.pending.add(notify);
      operation(this.settler).then(() => resolve(true), reject);
    }).finally(() => this.pending.delete(notify));
    if (!answered) await this.again(operation);
  }

  private async again(operation: (by: Settler) => Promise<void>): Promise<void> {
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
