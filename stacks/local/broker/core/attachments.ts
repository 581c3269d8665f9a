import type { BrokerError } from "./errors.js";

/** Something that holds on to an entity and must let go when the entity goes, or is disabled. */
export interface Attachment {
  readonly side: "send" | "receive";
  detach(error: BrokerError): void;
}

/** All that holds on to one entity. */
export class Attachments {
  readonly #all = new Set<Attachment>();

  get size(): number {
    return this.#all.size;
  }

  add(attachment: Attachment): void {
    this.#all.add(attachment);
  }

  remove(attachment: Attachment): void {
    this.#all.delete(attachment);
  }

  /** Makes all of them let go, or those of one side. Returns how many. */
  detach(error: BrokerError, side?: Attachment["side"]): number {
    const chosen = [...this.#all].filter((attachment) => side === undefined || attachment.side === side);
    for (const attachment of chosen) {
      this.#all.delete(attachment);
      attachment.detach(error);
    }
    return chosen.length;
  }
}
