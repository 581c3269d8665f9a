import type { MessageHandlers, ServiceBusReceivedMessage, SubscribeOptions } from "@azure/service-bus";
import type { QueueReceiver } from "../../../runtime/bus/queueIntake.js";
import type { SessionReceiver } from "../../../runtime/bus/session.js";
import { defined, RETURNS_PROPERTY } from "../../../runtime/contract/index.js";
import type { FakeClock } from "./fakes.js";

/** A message as the client hands it over; a field that is undefined is left out. */
export function received(
  change: { [K in keyof ServiceBusReceivedMessage]?: ServiceBusReceivedMessage[K] | undefined } = {},
  bodyType: "data" | "value" | "sequence" = "data",
): ServiceBusReceivedMessage {
  const { body = Buffer.from("body"), ...rest } = change;
  const { deliveryCount = 0 } = rest;
  // Unless told otherwise its earlier deliveries ended with being given back, not with their worker.
  const applicationProperties = deliveryCount > 0 ? { [RETURNS_PROPERTY]: deliveryCount } : undefined;
  const message = { messageId: "m-1", applicationProperties, ...rest, deliveryCount };
  return { body, ...defined(message), state: "active", _rawAmqpMessage: { body: undefined, bodyType } };
}

/** What was done to a message: its id, and how. */
export interface Settlement {
  messageId: string;
  how: string;
  reason?: string;
  description?: string;
}

type Hooks = MessageHandlers & { preInitialize?(): Promise<void>; postInitialize?(): Promise<void> };

/** What the fakes of both receivers share: a queue of messages, credit, settlements. */
class FakeLink {
  readonly settlements: Settlement[] = [];
  readonly renewed: string[] = [];
  handlers: Hooks | undefined;
  credit = 0;
  maxCredit = 0;
  closed = 0;
  unsubscribed = 0;
  settleError: Error | undefined;
  renewError: Error | undefined;
  /** What the broker answers an attach with, in place of taking it. */
  refusal: Error | undefined;
  private readonly queue: ServiceBusReceivedMessage[] = [];

  subscribe(handlers: MessageHandlers, options: SubscribeOptions = {}): { close(): Promise<void> } {
    this.handlers = handlers;
    void this.attach(options.maxConcurrentCalls ?? 1);
    return {
      close: async () => {
        this.unsubscribed++;
        this.credit = 0;
      },
    };
  }

  /** What the client does when a link is made, first and again: the hooks, and credit for all calls. */
  async attach(credit: number): Promise<void> {
    await this.handlers?.preInitialize?.();
    if (this.unsubscribed > 0) return;
    if (this.refusal !== undefined) {
      const at = { entityPath: "renders", fullyQualifiedNamespace: "n", identifier: "i" };
      await this.handlers?.processError({ error: this.refusal, errorSource: "receive", ...at });
      return;
    }
    await this.handlers?.postInitialize?.();
    this.maxCredit = credit;
    this.credit = credit;
    this.pump();
  }

  send(...messages: ServiceBusReceivedMessage[]): void {
    this.queue.push(...messages);
    this.pump();
  }

  get waiting(): number {
    return this.queue.length;
  }

  /** As the client does: one credit a message, given back when the handler's promise resolves. */
  pump(): void {
    while (this.credit > 0 && this.unsubscribed === 0 && this.handlers !== undefined) {
      const next = this.queue.shift();
      if (next === undefined) return;
      this.credit--;
      void this.handlers.processMessage(next).then(() => {
        this.credit++;
        this.pump();
      });
    }
  }

  async completeMessage(message: ServiceBusReceivedMessage): Promise<void> {
    this.settle(message, { how: "completed" });
  }

  async abandonMessage(message: ServiceBusReceivedMessage): Promise<void> {
    this.settle(message, { how: "abandoned" });
  }

  async deadLetterMessage(
    message: ServiceBusReceivedMessage,
    options?: { deadLetterReason?: string; deadLetterErrorDescription?: string },
  ): Promise<void> {
    this.settle(message, {
      how: "deadLettered",
      reason: options?.deadLetterReason ?? "",
      description: options?.deadLetterErrorDescription ?? "",
    });
  }

  async close(): Promise<void> {
    this.closed++;
  }

  private settle(message: ServiceBusReceivedMessage, settlement: Omit<Settlement, "messageId">): void {
    if (this.settleError !== undefined) throw this.settleError;
    this.settlements.push({ messageId: String(message.messageId), ...settlement });
  }
}

export class FakeReceiver extends FakeLink implements QueueReceiver {
  constructor(private readonly clock: FakeClock) {
    super();
  }

  async renewMessageLock(message: ServiceBusReceivedMessage): Promise<Date> {
    if (this.renewError !== undefined) throw this.renewError;
    this.renewed.push(String(message.messageId));
    return new Date(this.clock.now() + 30_000);
  }
}

export class FakeSession extends FakeLink implements SessionReceiver {
  state: unknown;
  readonly sessionLockedUntilUtc: Date;

  constructor(
    readonly sessionId: string,
    private readonly clock: FakeClock,
  ) {
    super();
    this.sessionLockedUntilUtc = new Date(clock.now() + 30_000);
  }

  async renewSessionLock(): Promise<Date> {
    if (this.renewError !== undefined) throw this.renewError;
    this.renewed.push(this.sessionId);
    return new Date(this.clock.now() + 30_000);
  }

  async getSessionState(): Promise<unknown> {
    return this.state;
  }

  async setSessionState(state: unknown): Promise<void> {
    this.state = state;
  }
}
