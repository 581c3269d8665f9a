import { BrokerError, BrokerErrorCode } from "./core/errors.js";

/** Ports of a broker that are about to listen: closing the broker waits for them, so that none is left open behind it. */
export class Openings {
  readonly #pending = new Set<Promise<unknown>>();
  #over = false;

  /** @throws BrokerError NotAllowed once they are over */
  async run<T>(open: () => Promise<T>): Promise<T> {
    if (this.#over) {
      throw new BrokerError(BrokerErrorCode.NotAllowed, "The broker was closed: make a new one.");
    }
    const opened = open();
    this.#pending.add(opened);
    try {
      return await opened;
    } finally {
      this.#pending.delete(opened);
    }
  }

  /** Lets no more begin. Settles once those that began listen, or could not. */
  async end(): Promise<void> {
    this.#over = true;
    await Promise.allSettled(this.#pending);
  }
}
