import { entityOfAddress } from "../core/audience.js";
import { BrokerError, BrokerErrorCode, entityNotFound, serviceBusy } from "../core/errors.js";
import type { Namespace } from "../core/namespace.js";

/** What of an entity answers that it is busy. */
export const BusyAt = {
  /** A message that is sent. */
  Send: "send",
  /** A link that is attached, to send, to receive or to manage. */
  Attach: "attach",
  /** A request to `$management`: peek, renewal, schedule, session state. */
  Management: "management",
} as const;
export type BusyAt = (typeof BusyAt)[keyof typeof BusyAt];

/** Where a settlement is lost. */
export const LostSettlement = {
  /** On its way here: the message stays locked, and is delivered again when the lock ends. */
  Request: "request",
  /** On its way back: the message is settled, and its receiver does not hear of it. */
  Answer: "answer",
} as const;
export type LostSettlement = (typeof LostSettlement)[keyof typeof LostSettlement];

/** A network that is slower than this is not slow but gone: freeze it. */
const LONGEST_DELAY_MS = 60_000;

interface Counted {
  left: number;
}

interface Busy extends Counted {
  readonly at: ReadonlySet<BusyAt>;
}

interface Losing extends Counted {
  readonly lost: LostSettlement;
}

/** Ways to disturb what is connected, for tests of others. Each lasts until it is used up, ended or cleared. */
export interface BrokerFaults {
  /** Cuts every connection without a word. Returns how many. */
  dropConnections(): number;
  /** Detaches every link of an entity with `amqp:link:detach-forced`. Returns how many. */
  detachLinks(entity: string): number;
  /**
   * Leaves the connections there are half open: the sockets stay, and nothing is read from them or written to them until
   * `thaw`; that a client has given one up is noticed then, too. New connections work. @param entity only those with a link at this entity. Returns how many.
   */
  freeze(entity?: string): number;
  /** Lets frozen connections go on with what they held. Returns how many. */
  thaw(): number;
  /**
   * Adds to the time of everything that the broker says, on every connection, new ones too; with an entity, to what it
   * answers to messages, settlements and `$management` there. @param milliseconds 0 to 60000; 0 ends it
   */
  delay(milliseconds: number, entity?: string): void;
  /** Answers ServiceBusy at an entity. @param options times: until cleared, unless told; at: all of it, unless told */
  answerBusy(entity: string, options?: { readonly times?: number; readonly at?: readonly BusyAt[] }): void;
  /**
   * Loses settlements of messages of an entity, as they are said on links.
   * @param options times: 1 unless told; lost: on the way here, unless told
   */
  loseSettlements(entity: string, options?: { readonly times?: number; readonly lost?: LostSettlement }): void;
  /** Ends every fault: thaws, delays no more, is not busy, loses nothing. */
  clear(): void;
}

/** The faults that are on; what is asked per message is one look at `active` while there are none. */
export class Faults {
  active = false;
  /** Added to everything that is written. */
  delayMs = 0;
  readonly #delays = new Map<string, number>();
  readonly #busy = new Map<string, Busy>();
  readonly #losing = new Map<string, Losing>();

  delayAt(entity: string, milliseconds: number): void {
    if (milliseconds === 0) {
      this.#delays.delete(entity.toLowerCase());
    } else {
      this.#delays.set(entity.toLowerCase(), milliseconds);
    }
    this.#update();
  }

  busyAt(entity: string, times: number, at: readonly BusyAt[]): void {
    this.#busy.set(entity.toLowerCase(), { left: times, at: new Set(at) });
    this.#update();
  }

  loseAt(entity: string, times: number, lost: LostSettlement): void {
    this.#losing.set(entity.toLowerCase(), { left: times, lost });
    this.#update();
  }

  clear(): void {
    this.delayMs = 0;
    this.#delays.clear();
    this.#busy.clear();
    this.#losing.clear();
    this.#update();
  }

  /** How much later an entity answers. */
  delayOf(entity: string): number {
    return this.#delays.get(entity.toLowerCase()) ?? 0;
  }

  /** The refusal of an entity that is busy; counted. */
  refusal(entity: string, at: BusyAt): BrokerError | undefined {
    const busy = this.#busy.get(entity.toLowerCase());
    if (busy?.at.has(at) !== true) {
      return undefined;
    }
    this.#count(this.#busy, entity, busy);
    return serviceBusy(entity);
  }

  /** Whether a settlement at an address is lost, and where; counted. */
  loses(address: string): LostSettlement | undefined {
    const entity = entityOfAddress(address);
    const losing = this.#losing.get(entity.toLowerCase());
    if (losing !== undefined) {
      this.#count(this.#losing, entity, losing);
    }
    return losing?.lost;
  }

  #count<T extends Counted>(all: Map<string, T>, entity: string, one: T): void {
    one.left--;
    if (one.left <= 0) {
      all.delete(entity.toLowerCase());
      this.#update();
    }
  }

  #update(): void {
    this.active = this.#delays.size > 0 || this.#busy.size > 0 || this.#losing.size > 0;
  }
}

/** What of the server a fault works on. */
export interface Connections {
  dropConnections(): number;
  freeze(entity: string | undefined): number;
  thaw(): number;
  delay(milliseconds: number): void;
}

function checked(what: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new BrokerError(
      BrokerErrorCode.InvalidArgument,
      `${what} = ${value}: must be a whole number from ${least} to ${most}.`,
    );
  }
  return value;
}

/** The switches of the faults, with what they are given checked. */
export function faultSwitches(faults: Faults, connections: Connections, namespace: Namespace): BrokerFaults {
  const existing = (address: string): string => {
    const found = namespace.find(entityOfAddress(address));
    if (found === undefined) {
      throw entityNotFound(address);
    }
    return found.path;
  };
  return {
    dropConnections: () => connections.dropConnections(),
    detachLinks: (address) => {
      const entity = namespace.find(address);
      if (entity === undefined) {
        throw entityNotFound(address);
      }
      const { attachments } = entity.kind === "topic" ? entity.topic : entity.queue;
      return attachments.detach(
        new BrokerError(BrokerErrorCode.DetachForced, `The link of '${entity.path}' was detached on request.`),
      );
    },
    freeze: (entity) => connections.freeze(entity === undefined ? undefined : existing(entity)),
    thaw: () => connections.thaw(),
    delay: (milliseconds, entity) => {
      checked("milliseconds", milliseconds, 0, LONGEST_DELAY_MS);
      if (entity === undefined) {
        faults.delayMs = milliseconds;
        connections.delay(milliseconds);
      } else {
        faults.delayAt(existing(entity), milliseconds);
      }
    },
    answerBusy: (entity, { times, at = Object.values(BusyAt) } = {}) => {
      const count =
        times === undefined ? Number.POSITIVE_INFINITY : checked("times", times, 1, Number.MAX_SAFE_INTEGER);
      faults.busyAt(existing(entity), count, at);
    },
    loseSettlements: (entity, { times = 1, lost = LostSettlement.Request } = {}) =>
      faults.loseAt(existing(entity), checked("times", times, 1, Number.MAX_SAFE_INTEGER), lost),
    clear: () => {
      faults.clear();
      connections.delay(0);
      connections.thaw();
    },
  };
}
