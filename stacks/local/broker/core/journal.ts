import type { StoredMessage } from "./message.js";

/**
 * Told of every change that is to outlive the process, as it happens and before anybody is told of it. Queues are named
 * by their path, sub-queues by theirs. What is told in one turn of the event loop belongs together.
 */
export interface Journal {
  /** An entity was made, or its settings or rules were changed; a subscription's rules are part of it. */
  entity(path: string): void;
  /** An entity is gone, with its sub-queues, a topic with its subscriptions. */
  entityDeleted(path: string): void;
  added(message: StoredMessage): void;
  /** Its state changed. */
  moved(message: StoredMessage): void;
  /** Its delivery count or its properties changed. */
  changed(message: StoredMessage): void;
  deleted(message: StoredMessage): void;
  /** A queue gave a sequence number. */
  numbered(path: string): void;
  /** What duplicates are told by was seen for the first time within its window. */
  seen(path: string, identity: string, at: number): void;
  /** A session's state was set or cleared. */
  sessionState(path: string, sessionId: string): void;
}
