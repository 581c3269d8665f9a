import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";

/** The part of the client's receiver that looks without taking. */
export type PeekReceiver = Pick<ServiceBusReceiver, "peekMessages">;

export interface BrowseOptions {
  /** False leaves the bodies at the service. @default false */
  bodies?: boolean;
  /** Fires when enough was seen. */
  signal?: AbortSignal;
}

/** A position in an entity, int64. */
export type Position = NonNullable<ServiceBusReceivedMessage["sequenceNumber"]>;

/** Messages of one look: with bodies of 256 KiB, 16 MiB at most are held. */
const PAGE = 64;

/**
 * Looks through an entity without taking or locking anything. There must be one only for an entity in one client: the
 * client keeps one position for all of its receivers, and begins at the first message only once.
 */
export class Browser {
  private first: Position | undefined;

  constructor(private readonly receiver: PeekReceiver) {}

  /**
   * All messages from the first to the last, a page at a time. Those that are locked by others, deferred or scheduled
   * are among them, and so is what comes meanwhile. Rejects with the client's error.
   */
  async *messages({ bodies = false, signal }: BrowseOptions = {}): AsyncGenerator<ServiceBusReceivedMessage> {
    // The client's types leave out that the protocol can do without bodies.
    const options: { omitMessageBody: boolean; abortSignal?: AbortSignal } = {
      omitMessageBody: !bodies,
      ...(signal === undefined ? {} : { abortSignal: signal }),
    };
    for (let from = this.first; ; ) {
      const position = from === undefined ? {} : { fromSequenceNumber: from };
      const page = await this.receiver.peekMessages(PAGE, { ...options, ...position });
      const number = page[0]?.sequenceNumber;
      // A position can only be made of another one: the first message that is seen gives it.
      if (number !== undefined) this.first ??= number.sub(number);
      if (page.length === 0) return;
      for (const message of page) {
        if (signal?.aborted === true) return;
        yield message;
      }
      from = page.at(-1)?.sequenceNumber?.add(1);
    }
  }
}
