import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import { isLockLost } from "./errors.js";

/** The part of the client's receivers that settles. */
export type Settler = Pick<ServiceBusReceiver, "completeMessage" | "abandonMessage" | "deadLetterMessage">;

/** What is done with a settlement whose link is lost before its answer came. */
export const LinkLost = {
  /** It is sent once more: a message's lock outlives its link, and the client then settles by lock token. */
  Again: "again",
  /** It fails: a session's lock goes with its link. */
  Fail: "fail",
} as const;
export type LinkLost = (typeof LinkLost)[keyof typeof LinkLost];

/**
 * Settles over one link. The client itself waits out its time limit for an answer that went down with the link, and
 * holds the message's slot meanwhile; whoever knows of the loss says so here.
 */
export class LinkSettler implements Settler {
  private readonly pending = new Set<() => void>();
  private gone = false;

  constructor(
    private readonly settler: Settler,
    private readonly onLost: LinkLost,
  ) {}

  /** The link is lost. */
  lost(): void {
    this.gone = true;
    for (const notify of [...this.pending]) notify();
  }

  completeMessage(message: ServiceBusReceivedMessage): Promise<void> {
    return this.settle(() => this.settler.completeMessage(message));
  }

  abandonMessage(...args: Parameters<Settler["abandonMessage"]>): Promise<void> {
    return this.settle(() => this.settler.abandonMessage(...args));
  }

  deadLetterMessage(...args: Parameters<Settler["deadLetterMessage"]>): Promise<void> {
    return this.settle(() => this.settler.deadLetterMessage(...args));
  }

  private async settle(operation: () => Promise<void>): Promise<void> {
    if (this.gone) return this.onLost === LinkLost.Again ? operation() : this.afterLoss(operation);
    let notify: () => void = () => undefined;
    // Not a race against one lasting promise: that would keep something of every message until the link is lost.
    const answered = await new Promise<boolean>((resolve, reject) => {
      notify = () => resolve(false);
      this.pending.add(notify);
      operation().then(() => resolve(true), reject);
    }).finally(() => this.pending.delete(notify));
    if (!answered) await this.afterLoss(operation);
  }

  private async afterLoss(operation: () => Promise<void>): Promise<void> {
    if (this.onLost === LinkLost.Fail)
      throw coded("SessionLockLost", "The session's link is lost, and its lock with it.");
    try {
      await operation();
    } catch (error) {
      if (!isLockLost(error)) throw error;
      // Sent twice, answered once: the first may have arrived, and then there is no lock any more.
      throw coded("SettlementUnknown", "The link was lost before the answer came: it is settled, or it comes again.");
    }
  }
}

function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
