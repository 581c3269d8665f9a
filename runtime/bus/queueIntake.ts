import type { MessageHandlers, ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import { DeliveryOutcome, type Logger, type WorkerMetrics } from "../telemetry/index.js";
import type { BusState } from "./busState.js";
import { type Clock, within } from "./clock.js";
import type { CreditLedger, CreditLink } from "./credit.js";
import type { Deliveries } from "./delivery.js";
import type { ReadMessage } from "./envelope.js";
import { errorCode, errorText } from "./errors.js";
import type { LockKeeper } from "./locks.js";
import { LinkLost, LinkSettler } from "./settler.js";
import { Slots } from "./slots.js";

/** The part of the client's receiver that is used. */
export type QueueReceiver = Pick<
  ServiceBusReceiver,
  "subscribe" | "close" | "completeMessage" | "abandonMessage" | "deadLetterMessage" | "renewMessageLock"
>;

/**
 * Hooks that the client calls around each attach of a streaming receiver, first and repeated. They are what its own
 * management of links uses; without them nobody could tell that a link was replaced, and its credit granted anew.
 */
interface AttachHooks {
  preInitialize(): Promise<void>;
  postInitialize(): Promise<void>;
}

export interface QueueIntakeOptions {
  createReceiver(): QueueReceiver;
  read(received: ServiceBusReceivedMessage): ReadMessage;
  deliveries: Pick<Deliveries, "handle">;
  keeper: LockKeeper;
  ledger: CreditLedger;
  state: BusState;
  concurrency: number;
  metrics: WorkerMetrics;
  logger: Logger;
  clock: Clock;
}

/** Slots of the first link: enough to be busy, few enough to learn how large the bodies are. */
const FIRST_SLOTS = 64;
/** Slots of one link at most: work is spread over links, so that none holds up all of it. */
const LINK_SLOTS = 256;
/**
 * A link keeps at most 2,048 unsettled deliveries and frees them from the oldest only: behind one that stays
 * unsettled (a long job, a lost lock) it would come to a stand. Half-way there it is replaced.
 */
const REPLACE_BEHIND = 1_024;
/** How long closing a subscription may take, in milliseconds; the client itself gives up draining after 200. */
const CLOSE_MILLISECONDS = 2_000;

/** One attach of a link: the deliveries of an earlier one give no credit back to it. */
interface Attachment extends CreditLink {
  delivered: number;
  /** Numbers of the deliveries that are not settled, oldest first. */
  unsettled: Set<number>;
  settler: LinkSettler;
}

interface Link {
  receiver: QueueReceiver;
  slots: number;
  attachment: Attachment;
  working: number;
  retired: boolean;
  subscription: { close(): Promise<void> };
}

/** Takes messages from a queue or subscription without sessions, over as many links as it needs. */
export class QueueIntake {
  private readonly links = new Set<Link>();
  private readonly slots: Slots;
  private stopping = false;
  private whenIdle: (() => void) | undefined;

  constructor(private readonly options: QueueIntakeOptions) {
    this.slots = new Slots(options.concurrency);
  }

  start(): void {
    const { ledger, concurrency } = this.options;
    this.open(Math.min(concurrency, FIRST_SLOTS, Math.max(1, ledger.room)));
  }

  /** Stops taking messages; resolves when nothing more can arrive. What is held goes on. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all([...this.links].map((link) => this.quiet(link)));
  }

  /** Resolves when nothing is held any more. */
  idle(): Promise<void> {
    if (this.options.ledger.held === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.whenIdle = resolve;
    });
  }

  /** Closes every link. */
  async close(): Promise<void> {
    await Promise.all([...this.links].map((link) => this.closeLink(link)));
  }

  private open(slots: number): void {
    const { createReceiver, ledger, state } = this.options;
    const receiver = createReceiver();
    const link: Link = {
      receiver,
      slots,
      attachment: newAttachment(receiver),
      working: 0,
      retired: false,
      subscription: { close: () => Promise.resolve() },
    };
    this.links.add(link);
    state.down(link);
    const handlers: MessageHandlers & AttachHooks = {
      processMessage: (message) => this.onMessage(link, message),
      processError: async ({ error, errorSource }) => this.onError(link, error, errorSource),
      preInitialize: async () => {
        ledger.detached(link.attachment);
        link.attachment.settler.lost();
        link.attachment = newAttachment(receiver);
        if (!link.retired) state.down(link);
      },
      postInitialize: async () => {
        if (link.retired) return;
        ledger.attached(link.attachment, slots);
        state.up(link);
      },
    };
    link.subscription = receiver.subscribe(handlers, { autoCompleteMessages: false, maxConcurrentCalls: slots });
  }

  /** The client gives the link credit for one more message when the promise resolves: that is how intake is held. */
  private async onMessage(link: Link, received: ServiceBusReceivedMessage): Promise<void> {
    const { read, ledger, keeper, deliveries, metrics, state, clock } = this.options;
    const { attachment, receiver } = link;
    const message = read(received);
    const lock = keeper.hold({
      lockedUntil: received.lockedUntilUtc?.getTime(),
      renew: () => receiver.renewMessageLock(received),
    });
    ledger.took(attachment, message.bytes);
    metrics.lastProgress.set(clock.now() / 1000);
    const number = attachment.delivered++;
    attachment.unsettled.add(number);
    link.working++;
    if (!state.connected) state.up(link);
    this.show();
    await this.slots.enter();
    const delivery = { received, read: message, settler: attachment.settler, lock, releasedBySession: false };
    const outcome = await deliveries.handle(delivery);
    this.slots.leave();
    keeper.release(lock);
    link.working--;
    if (outcome !== DeliveryOutcome.LockLost && outcome !== DeliveryOutcome.Unsettled)
      attachment.unsettled.delete(number);
    return new Promise((giveCredit) => {
      ledger.finished(attachment, message.bytes, giveCredit);
      this.show();
      this.afterMessage(link);
    });
  }

  private afterMessage(link: Link): void {
    const { ledger } = this.options;
    if (ledger.held === 0) this.whenIdle?.();
    if (link.retired && link.working === 0) void this.closeLink(link);
    if (this.stopping) return;
    const oldest = link.attachment.unsettled.values().next().value;
    if (!link.retired && oldest !== undefined && link.attachment.delivered - oldest > REPLACE_BEHIND)
      void this.replace(link);
    this.grow();
  }

  /** Opens another link while slots are unused and the bodies of late leave room for all that it would bring. */
  private grow(): void {
    const { concurrency, ledger, state } = this.options;
    let used = 0;
    for (const link of this.links) used += link.retired ? 0 : link.slots;
    const slots = Math.min(concurrency - used, LINK_SLOTS);
    if (slots > 0 && state.connected && ledger.room >= slots) this.open(slots);
  }

  /**
   * Puts another link in the place of one that would come to a stand behind a delivery that stays unsettled. The
   * ledger sees to it that both together hold no more than one did.
   */
  private async replace(link: Link): Promise<void> {
    this.options.logger.info({ behind: REPLACE_BEHIND }, "link replaced: a delivery on it stays unsettled");
    link.retired = true;
    this.open(link.slots);
    await this.quiet(link);
    if (link.working === 0) await this.closeLink(link);
  }

  /** Ends a link's intake. Its deliveries can still be settled on it. */
  private async quiet(link: Link): Promise<void> {
    const { ledger, clock, logger } = this.options;
    link.retired = true;
    ledger.detached(link.attachment);
    try {
      await within(clock, CLOSE_MILLISECONDS, link.subscription.close(), "the client did not end the subscription");
    } catch (error) {
      logger.warn({ code: errorCode(error), description: errorText(error) }, "a subscription did not end");
    }
  }

  private async closeLink(link: Link): Promise<void> {
    const { state, ledger, clock, logger } = this.options;
    if (!this.links.delete(link)) return;
    ledger.detached(link.attachment);
    state.forget(link);
    try {
      await within(clock, CLOSE_MILLISECONDS, link.receiver.close(), "the client did not close the link");
    } catch (error) {
      logger.warn({ code: errorCode(error), description: errorText(error) }, "a link did not close");
    }
  }

  private onError(link: Link, error: unknown, source: string): void {
    const { metrics, logger, state } = this.options;
    const code = errorCode(error);
    metrics.receiverErrors.inc({ code });
    if (this.stopping || link.retired) return;
    // The client attaches again by itself; only the next attach says that it succeeded.
    if (source === "receive") state.down(link, `${code}: ${errorText(error)}`);
    logger.warn({ code, source, description: errorText(error) }, "the receiver reports an error");
  }

  private show(): void {
    const { metrics, ledger } = this.options;
    metrics.inFlight.set(ledger.held);
    metrics.heldBytes.set(ledger.heldBytes);
  }
}

function newAttachment(receiver: QueueReceiver): Attachment {
  const settler = new LinkSettler(receiver, LinkLost.Again);
  return { credit: 0, delivered: 0, unsettled: new Set(), settler };
}
