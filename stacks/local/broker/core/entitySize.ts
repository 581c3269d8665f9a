import { BrokerError, BrokerErrorCode } from "./errors.js";

/**
 * How many bytes of messages one entity holds, all its parts together: a queue with its dead letters, a topic with its
 * subscriptions. Every part counts its own in and out.
 */
export class EntitySize {
  bytes = 0;
  readonly #kind: "Queue" | "Topic";
  readonly #path: string;

  constructor(kind: "Queue" | "Topic", path: string) {
    this.#kind = kind;
    this.#path = path;
  }

  /** Refuses with QuotaExceeded, in the service's words, if `bytes` more would go beyond `most`. */
  check(bytes: number, most: number): void {
    if (this.bytes + bytes > most) {
      throw new BrokerError(
        BrokerErrorCode.QuotaExceeded,
        `The maximum entity size has been reached or exceeded for ${this.#kind}: '${this.#path}'. Size of entity in bytes:${this.bytes}, Max entity size in bytes:${most}.`,
      );
    }
  }
}
