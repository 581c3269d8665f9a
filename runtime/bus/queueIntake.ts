import type { MessageHandlers, ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import { type Clock, within } from "../support/clock.js";
import { Semaphore } from "../support/semaphore.js";
import { DeliveryOutcome, type Logger, type WorkerMetrics } from "../telemetry/index.js";
import { backoffMilliseconds, REFUSED } from "./backoff.js";
import type { BusState } from "./busState.js";
import type { CreditLedger, CreditLink } from "./credit.js";
import type { Deliveries, Delivery } from "./delivery.js";
import type { ReadMessage } from "./envelope.js";
import { errorCode, errorText } from "./errors.js";
import type { Grant, HeldLock, LockKeeper } from "./locks.js";
import { isRefusal, type Propagation } from "./propagation.js";
import { LinkSettler, type Settler } from "./settler.js";
import { Unsettled } from "./unsettled.js";

/** The part of the client's receiver that is used. */
export type QueueReceiver = Pick<
  ServiceBusReceiver,
  "subscribe" | "close" | "completeMessage" | "abandonMessage" | "deadLetterMessage" | "renewMessageLock"
>;

/**
 * Hooks that the client calls before and after each attach of a streaming receiver, the first and those after a loss.
 * They are how its own parts learn of it; without them nobody could tell that a link was lost.
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
  propagation: Pick<Propagation, "refused" | "accepted">;
  /** Path of the source entity. */
  entity: string;
  concurrency: number;
  random(): number;
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

/** One receiver of the client, for one attach: after a loss another takes its place. */
interface Link extends CreditLink {
  receiver: QueueReceiver;
  slots: number;
  settler: LinkSettler;
  subscription: { close(): Promise<void> };
  attached: boolean;
  /** It takes no more messages: replaced, lost, or at the end. */
  retired: boolean;
  /** Its deliveries can no longer be settled on it. */
  lost: boolean;
  /** Messages of this link that are in work. */
  working: number;
  unsettled: Unsettled;
}

/** One delivery over a link, and the lock that came with it: one object for both, because there is one a message. */
class QueueDelivery implements Delivery, Grant {
  receivedAt: number | undefined = undefined;
  readonly releasedBySession = false;

  constructor(
    private readonly intake: QueueIntake,
    private readonly link: Link,
    readonly received: ServiceBusReceivedMessage,
    readonly read: ReadMessage,
    keeper: LockKeeper,
    now: number,
  ) {
    this.lock = keeper.hold(this, now);
  }

  readonly lock: HeldLock;

  get settler(): Settler {
    return this.link.settler;
  }

  get lockedUntil(): number | undefined {
    return this.received.lockedUntilUtc?.getTime();
  }

  renew(): Promise<unknown> {
    const receiver = this.link.lost ? this.intake.standIn(this.link) : this.link.receiver;
    return receiver.renewMessageLock(this.received);
  }
}

/** Takes messages from a queue or subscription without sessions, over as many links as it needs. */
export class QueueIntake {
  private readonly links = new Set<Link>();
  private readonly slots: Semaphore;
  private stopping = false;
  private paused = false;
  /** Refusals in a row, and what calls the next try off. */
  private refusals = 0;
  private callOffRetry: (() => void) | undefined;
  private whenIdle: (() => void) | undefined;
  /** Slots that no link has. */
  private freeSlots: number;

  constructor(private readonly options: QueueIntakeOptions) {
    this.freeSlots = options.concurrency;
    this.slots = new Semaphore(options.concurrency);
  }

  start(): void {
    this.openUnused();
  }

  /** Stops taking messages; resolves when nothing more can arrive. What is held goes on. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.callOffRetry?.();
    await Promise.all([...this.links].map((link) => this.quiet(link)));
  }

  /** Resolves when nothing is held any more. */
  idle(): Promise<void> {
    if (this.options.ledger.held === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.whenIdle = resolve;
    });
  }

  /** True while messages are asked for and one could be taken. */
  get wanting(): boolean {
    const { ledger } = this.options;
    return !this.stopping && this.callOffRetry === undefined && ledger.mayTake && ledger.room + ledger.outstanding > 0;
  }

  /**
   * Asks for nothing more until `resume`: credit that was out is taken back. Links stay attached, so that what is held
   * can be settled on them, and so that it is known whether the bus is reached.
   */
  pause(): void {
    this.paused = true;
    for (const link of this.links) if (!link.retired) void this.quiet(link);
  }

  /** Asks for messages again, over new links. */
  resume(): void {
    if (!this.paused || this.stopping) return;
    this.paused = false;
    if (this.callOffRetry === undefined) this.openUnused();
    for (const link of this.links) this.closeIdle(link);
  }

  /** Puts new links in the place of all there are: what is held goes on, and is settled by lock token. */
  recycle(): void {
    for (const link of [...this.links]) if (!link.retired) this.forsake(link);
  }

  /** Closes every link. */
  async close(): Promise<void> {
    await Promise.all([...this.links].map((link) => this.closeLink(link)));
  }

  /** Opens a link for slots that no link has: the first one, and one after a refusal. */
  private openUnused(): void {
    const slots = Math.min(this.freeSlots, FIRST_SLOTS, Math.max(1, this.options.ledger.room));
    if (slots > 0) this.open(slots);
  }

  private open(slots: number): void {
    const { createReceiver, ledger, state } = this.options;
    const receiver = createReceiver();
    const link: Link = {
      ...{ receiver, slots, credit: 0, working: 0, unsettled: new Unsettled() },
      ...{ attached: false, retired: false, lost: false },
      settler: new LinkSettler(receiver, () => this.standIn(link)),
      subscription: { close: () => Promise.resolve() },
    };
    this.links.add(link);
    this.freeSlots -= slots;
    state.down(link);
    const handlers: MessageHandlers & AttachHooks = {
      processMessage: (message) => this.onMessage(link, message),
      processError: async ({ error, errorSource }) => this.onError(link, error, errorSource),
      preInitialize: async () => this.onLoss(link),
      postInitialize: async () => {
        if (link.retired) return;
        link.attached = true;
        this.accepted();
        ledger.attached(link, slots);
        state.up(link);
        this.closeLost();
      },
    };
    link.subscription = receiver.subscribe(handlers, { autoCompleteMessages: false, maxConcurrentCalls: slots });
  }

  /**
   * The client is about to attach a lost link anew. It is kept from that and another receiver takes its place: on the
   * new attach the client would grant all credit again, and settle what is held from before by the numbers of the new
   * link's deliveries, which are other messages'.
   */
  private onLoss(link: Link): void {
    if (!link.attached || link.retired) return;
    this.options.logger.info({ held: link.working }, "link lost: another takes its place");
    this.forsake(link);
  }

  /** The link takes no more messages; its slots are free. */
  private retire(link: Link): void {
    if (link.retired) return;
    link.retired = true;
    this.freeSlots += link.slots;
  }

  /** Takes a link for lost, and opens another in its place. */
  private forsake(link: Link): void {
    link.lost = true;
    this.retire(link);
    this.options.state.forget(link);
    if (!this.stopping && !this.paused) this.open(link.slots);
    link.settler.lost();
    void this.quiet(link);
  }

  /** A receiver that settles and renews by lock token what came over a link that is lost. */
  standIn(lost: Link): QueueReceiver {
    const others = [...this.links].filter((link) => !link.lost);
    return (others.find((link) => link.attached) ?? others[0] ?? lost).receiver;
  }

  /** Closes lost links once the connection is there again: before, the client would only forget to. */
  private closeLost(): void {
    for (const link of this.links) if (link.lost) void this.closeLink(link);
  }

  /** The client gives the link credit for one more message when the promise resolves: that is how intake is held. */
  private async onMessage(link: Link, received: ServiceBusReceivedMessage): Promise<void> {
    const { ledger, keeper, deliveries, metrics, state, clock } = this.options;
    const now = clock.now();
    const delivery = new QueueDelivery(this, link, received, this.options.read(received), keeper, now);
    ledger.took(link, delivery.read.bytes);
    metrics.held.progressAt = now;
    const number = link.unsettled.add();
    link.working++;
    if (!state.connected) state.up(link);
    if (this.slots.tryEnter()) delivery.receivedAt = now;
    else await this.slots.enter();
    const outcome = await deliveries.handle(delivery);
    this.slots.leave();
    keeper.release(delivery.lock);
    link.working--;
    if (outcome !== DeliveryOutcome.LockLost && outcome !== DeliveryOutcome.Unsettled) link.unsettled.settle(number);
    const creditGoesBack = ledger.over(link, delivery.read.bytes);
    this.afterMessage(link);
    if (creditGoesBack) return;
    await new Promise<void>((giveCredit) => ledger.owe(link, giveCredit));
  }

  private afterMessage(link: Link): void {
    const { ledger } = this.options;
    if (ledger.held === 0) this.whenIdle?.();
    this.closeIdle(link);
    if (this.stopping || this.paused) return;
    if (link.unsettled.span > REPLACE_BEHIND && !link.retired) void this.replace(link);
    if (this.freeSlots > 0) this.grow();
  }

  /** Closes a link that takes nothing more and whose messages are all over. */
  private closeIdle(link: Link): void {
    if (link.retired && !link.lost && link.working === 0 && !this.paused) void this.closeLink(link);
  }

  /** Opens another link while slots are unused and the bodies of late leave room for all that it would bring. */
  private grow(): void {
    const { ledger, state } = this.options;
    const slots = Math.min(this.freeSlots, LINK_SLOTS);
    if (slots > 0 && state.connected && this.callOffRetry === undefined && ledger.room >= slots) this.open(slots);
  }

  /**
   * Puts another link in the place of one that would come to a stand behind a delivery that stays unsettled. The
   * ledger sees to it that both together hold no more than one did.
   */
  private async replace(link: Link): Promise<void> {
    this.options.logger.info({ behind: REPLACE_BEHIND }, "link replaced: a delivery on it stays unsettled");
    this.retire(link);
    this.open(link.slots);
    await this.quiet(link);
    this.closeIdle(link);
  }

  /** Ends a link's intake. Its deliveries can still be settled on it. */
  private async quiet(link: Link): Promise<void> {
    const { ledger, clock, logger } = this.options;
    this.retire(link);
    ledger.detached(link);
    try {
      await within(clock, CLOSE_MILLISECONDS, link.subscription.close(), "the client did not end the subscription");
    } catch (error) {
      logger.warn({ code: errorCode(error), description: errorText(error) }, "a subscription did not end");
    }
  }

  private async closeLink(link: Link): Promise<void> {
    const { state, ledger, clock, logger } = this.options;
    if (!this.links.delete(link)) return;
    this.retire(link);
    ledger.detached(link);
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
    if (source === "receive" && isRefusal(error)) this.refused(link, error);
  }

  private accepted(): void {
    this.refusals = 0;
    this.options.propagation.accepted(this.options.entity);
  }

  /**
   * The bus refuses the worker. Left alone the client would ask four times a second, for ever: its link is closed, and
   * another one tries after a wait that grows.
   */
  private refused(link: Link, error: unknown): void {
    const { propagation, entity, clock, random } = this.options;
    propagation.refused(entity, error);
    link.lost = true;
    link.settler.lost();
    void this.quiet(link).then(() => this.closeLink(link));
    if (this.callOffRetry !== undefined) return;
    this.refusals++;
    const wait = backoffMilliseconds(REFUSED, this.refusals, random, REFUSED.baseMilliseconds);
    this.callOffRetry = clock.after(wait, () => {
      this.callOffRetry = undefined;
      if (!this.stopping && !this.paused) this.openUnused();
    });
  }
}
