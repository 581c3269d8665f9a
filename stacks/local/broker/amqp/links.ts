import type { link, Receiver, Sender } from "rhea";
import type { BrokerError } from "../core/errors.js";
import { conditionOf } from "./conditions.js";
import type { IncomingDelivery } from "./receipts.js";

/** What the broker does on one link of a peer. */
export interface LinkHandler {
  /** The peer gave credit, or asks to drain it. */
  flow?(): void;
  /** A message arrived. What it throws ends the link. */
  message?(delivery: IncomingDelivery, arrived: Arrived): void;
  /** Something happened on it since this was last set to false: who is quiet for long is detached. */
  active?: boolean;
  /** Ends the link from our side, where more is to be done than to close it. */
  detach?(error: BrokerError): void;
  /** Bytes of one delivery that are kept while it arrives; without it, the broker's bound. */
  readonly maxMessageBytes?: number;
  /** The link is over, whoever ended it. Called once. */
  closed(): void;
}

/** What a delivery carried. */
export interface Arrived {
  /** Its bytes; fewer than `size` if it was beyond the limit. */
  readonly encoded: Buffer;
  readonly format: number;
  readonly size: number;
}

/** What an attach's address names on this broker: some clients say where it is, too (`amqps://host:5671/orders`). */
export function nodeOf(address: unknown): string {
  return String(address ?? "").replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*\//i, "");
}

/** Answers an attach in the settle modes that were asked for: clients compare. */
export function echoModes(link: Sender | Receiver): void {
  const { attach } = link.local;
  if (typeof link.snd_settle_mode === "number") {
    attach.snd_settle_mode = link.snd_settle_mode;
  }
  if (typeof link.rcv_settle_mode === "number") {
    attach.rcv_settle_mode = link.rcv_settle_mode;
  }
}

/** Whether the answer to a link's attach has left: nothing may be sent on it before. */
export function isAnswered(link: link): boolean {
  return link.is_open() && link.state.open_requests === 0;
}

/** Ends a link with an error; one that is just being attached is attached first, as the standard wants it. */
export function closeWith(link: link, error: BrokerError): void {
  link.close(conditionOf(error));
}

/**
 * Keeps back the answer to an attach that has just come in. `rhea` has asked for it to be sent at the end of this
 * turn and has no call to undo that; `link.open()` sends it later.
 */
export function holdAttach(link: link): void {
  if (link.state.local_open) {
    link.state.local_open = false;
    link.state.open_requests--;
  }
}

/**
 * Lets a link that was held back be closed by its peer: `rhea` answers the detach at the end of this turn if it finds
 * the link open and nothing else changed, so the answer to the attach is put in front without `open()`.
 */
export function answerHeldAttach(link: link): void {
  if (!link.state.local_open) {
    link.state.local_open = true;
    link.state.open_requests++;
  }
}
