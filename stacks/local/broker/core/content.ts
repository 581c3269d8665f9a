import type { MessageEdits } from "./sql/actions.js";
import type { SqlValue } from "./sql/values.js";

/** What a filter may look at in a message. */
export interface MessageFacts {
  readonly messageId: string | undefined;
  readonly correlationId: string | undefined;
  readonly to: string | undefined;
  readonly replyTo: string | undefined;
  readonly subject: string | undefined;
  readonly sessionId: string | undefined;
  readonly replyToSessionId: string | undefined;
  readonly contentType: string | undefined;
  readonly partitionKey: string | undefined;
  readonly viaPartitionKey: string | undefined;
  readonly timeToLiveMs: number | undefined;
  /** Milliseconds since 1970. */
  readonly scheduledAt: number | undefined;
  /** Bytes, as it was sent. */
  readonly size: number;
  /** Application properties with their types: whole numbers of every width are `bigint`. */
  readonly properties: ReadonlyMap<string, SqlValue>;
}

/**
 * A message as the engine needs it. Its bytes stay with the layer that read them; the engine keeps, counts and hands
 * them on unseen. Never changed after it was made: the subscriptions of a topic share one.
 */
export interface Content {
  /** Bytes of the message as it was sent. */
  readonly size: number;
  readonly messageId: string;
  readonly sessionId: string | undefined;
  readonly partitionKey: string | undefined;
  /** Milliseconds; the shorter of this and the entity's counts. */
  readonly timeToLiveMs: number | undefined;
  /** Milliseconds since 1970; a moment that has passed is as good as none. */
  readonly scheduledAt: number | undefined;
  /** Decoded when a filter asks. */
  facts(): MessageFacts;
  /**
   * The same message with application properties set, and as one that was dead-lettered in `deadLetterSource`; for
   * where it goes on from the entity that set them.
   */
  rewritten(changes: PropertyChanges | undefined, deadLetterSource: string | undefined): Content;
  /** A copy with what a rule's action changed; all else stays as the bytes it was. */
  edited(edits: MessageEdits): Content;
}

/** Application properties that a settlement sets on a message; the values are the AMQP layer's own. */
export type PropertyChanges = ReadonlyMap<string, unknown>;
