import type { Attachments } from "./attachments.js";
import type { Content } from "./content.js";
import type { Queue } from "./queue.js";
import type { EntityRules } from "./settings.js";
import type { Topic } from "./topic.js";

/**
 * A queue or topic from which messages go on to another: sending to it is part of a transaction at that entity. What
 * the destination refuses goes to the transfer dead-letter queue of the entity it was sent via.
 */
export class ViaTarget {
  readonly #via: Queue | Topic;
  readonly #destination: Queue | Topic;

  constructor(via: Queue | Topic, destination: Queue | Topic) {
    this.#via = via;
    this.#destination = destination;
  }

  get path(): string {
    return this.#via.path;
  }

  get rules(): EntityRules {
    return this.#via.rules;
  }

  get attachments(): Attachments {
    return this.#via.attachments;
  }

  check(contents: readonly Content[]): void {
    this.#via.checkVia(contents);
  }

  room(contents: readonly Content[]): number {
    return Math.max(this.#via.room(contents), this.#destination.room(contents));
  }

  take(contents: readonly Content[]): number[] {
    return this.#via.takeVia(contents, this.#destination.path);
  }

  send(contents: readonly Content[]): number[] {
    return this.#via.sendVia(contents, this.#destination.path);
  }
}
