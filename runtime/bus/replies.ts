import type { ServiceBusMessage } from "@azure/service-bus";
import { defined, type Reply, replyMessageId, type SinkMessage } from "../contract/index.js";
import { passedOn, type Tracing } from "../telemetry/index.js";
import type { AmqpMessage } from "./copy.js";

/** The part of the client's sender that is used. */
export interface ReplySender {
  sendMessages(message: ServiceBusMessage): Promise<void>;
  scheduleMessages(message: AmqpMessage, at: Date): Promise<unknown>;
  close(): Promise<void>;
}

/** Sends replies to the pipeline's reply queues, and to no other. */
export class Replies {
  private readonly senders = new Map<string, ReplySender>();

  constructor(
    private readonly queues: string[],
    private readonly createSender: (queue: string) => ReplySender,
    private readonly tracing?: Pick<Tracing, "contextOf"> | undefined,
  ) {}

  /** The queue among those asked for that is not one of the pipeline's; undefined where all are. */
  refused(replies: Reply[]): string | undefined {
    return replies.find((reply) => !this.queues.includes(reply.queue))?.queue;
  }

  /**
   * Sends one reply, which joins the request's trace. Its message id is derived from the request's, the same for every attempt: an entity with
   * duplicate detection keeps one. Rejects with the client's error.
   */
  async send(request: SinkMessage, reply: Reply): Promise<void> {
    let sender = this.senders.get(reply.queue);
    if (sender === undefined) {
      sender = this.createSender(reply.queue);
      this.senders.set(reply.queue, sender);
    }
    await sender.sendMessages({
      messageId: replyMessageId(request.key, reply.kind),
      correlationId: request.messageId,
      contentType: "application/json",
      // The bytes of the JSON text: the client would encode an object the same way, and a string differently.
      body: Buffer.from(JSON.stringify(reply.body), "utf8"),
      ...defined({ subject: reply.subject, sessionId: reply.sessionId ?? request.replyToSessionId }),
      applicationProperties: { ...(this.tracing?.contextOf(request) ?? passedOn(request)) },
    });
  }

  /** The client was replaced, and its senders are dead. */
  forget(): void {
    this.senders.clear();
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.senders.values()].map((sender) => sender.close()));
    this.senders.clear();
  }
}
