import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { ATTEMPTS_PROPERTY, type PipelineSource } from "../contract/index.js";
import type { Clock } from "../support/clock.js";
import { copyId, copyOf } from "./copy.js";
import { originalIdOf } from "./ids.js";
import type { ReplySender } from "./replies.js";

/** Sends copies of messages to their own queue, for later. */
export class Rescheduler {
  private sender: ReplySender | undefined;

  constructor(
    private readonly source: Pick<PipelineSource, "duplicateDetection">,
    private readonly createSender: () => ReplySender,
    private readonly clock: Clock,
  ) {}

  /**
   * Schedules a copy that is delivered after the delay. Where the entity drops known ids, the copy has one that follows
   * from the message and the attempts so far: a second try at the same copy is dropped, and nothing else. Rejects with the
   * client's error; the next call takes another sender then.
   */
  async send(received: ServiceBusReceivedMessage, attempts: number, delayMilliseconds: number): Promise<void> {
    const original = originalIdOf(received);
    const messageId = this.source.duplicateDetection ? copyId(original, "attempts", attempts) : original;
    const copy = copyOf(received, { messageId, properties: { [ATTEMPTS_PROPERTY]: attempts } });
    this.sender ??= this.createSender();
    const { sender } = this;
    try {
      await sender.scheduleMessages(copy, new Date(this.clock.now() + delayMilliseconds));
    } catch (error) {
      this.sender = undefined;
      void sender.close().catch(() => undefined);
      throw error;
    }
  }

  /** The client was replaced, and its sender is dead. */
  forget(): void {
    this.sender = undefined;
  }

  async close(): Promise<void> {
    const { sender } = this;
    this.sender = undefined;
    await sender?.close().catch(() => undefined);
  }
}
