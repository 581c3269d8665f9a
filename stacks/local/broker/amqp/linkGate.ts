import type { link } from "rhea";
import { AccessRight } from "../core/access.js";
import type { AccessGuard } from "../core/accessGuard.js";
import { entityOfAddress } from "../core/audience.js";
import { BrokerError, BrokerErrorCode } from "../core/errors.js";
import type { Namespace } from "../core/namespace.js";
import type { ConnectionAccess, Need } from "./connectionAccess.js";
import { BusyAt, type Faults } from "./faults.js";
import { closeWith, type LinkHandler } from "./links.js";

/** An entity's path with a sub-queue and `/$management` behind it is shorter; a longer address names nothing. */
export const LONGEST_ADDRESS = 512;

/** How long a connection may be without a link of an entity, before its first and after its last: as in the service. */
const BEFORE_FIRST_LINK_MS = 60_000;
const AFTER_LAST_LINK_MS = 300_000;

/** Asks whether the peer may attach; throws where it may not. Without an address, any token of the connection will do. */
export type MayAttach = (address: string | undefined, rights: readonly AccessRight[]) => void;

/** One link on its way in. */
export interface Attempt {
  readonly may: MayAttach;
  /** What the link needs beside its own right, for as long as it is there: a sender via another entity. */
  readonly also: MayAttach;
  succeeded(handler: LinkHandler): void;
  failed(error: BrokerError): void;
}

interface Inside {
  readonly need: Need;
  readonly leave: () => void;
  readonly handler: LinkHandler;
  readonly end: (error: BrokerError) => void;
  /** When something was last known to have happened on it. */
  activeAt: number;
}

/** Where links of one connection are let in or not, and by what right they stay. */
export class LinkGate {
  readonly #namespace: Namespace;
  readonly #faults: Faults;
  readonly #guard: AccessGuard;
  readonly #access: ConnectionAccess;
  /** What each link of an entity needs, and what takes it out of the watch over rights. */
  readonly #inside = new Map<link, Inside>();
  /** When the last of them left, or the connection began. */
  #emptySince: number;
  #everInside = false;

  constructor(
    access: ConnectionAccess,
    { namespace, faults, guard }: { namespace: Namespace; faults: Faults; guard: AccessGuard },
  ) {
    this.#access = access;
    this.#guard = guard;
    this.#emptySince = guard.now();
    this.#namespace = namespace;
    this.#faults = faults;
  }

  /** Begins to let a link in; what comes of it is written down. One that asks for nothing (`$cbs`) is not. */
  attempt(link: link): Attempt {
    let need: Need | undefined;
    let who: string | undefined;
    const others: Need[] = [];
    return {
      also: (address, rights) => {
        const other = this.#need(address, rights);
        this.#access.require(other);
        others.push(other);
      },
      may: (address, rights) => {
        need = this.#need(address, rights);
        who = this.#access.claimant(need);
        who = this.#access.require(need)?.name ?? who;
        this.#refuseBusy(need, BusyAt.Attach);
      },
      succeeded: (handler) => {
        if (need !== undefined) {
          const end = (error: BrokerError): void => handler.detach?.(error) ?? closeWith(link, error);
          const leaves = [need, ...others].map((each) => this.#access.admit({ name: link.name, need: each, end }));
          const leave = (): void => {
            for (const each of leaves) each();
          };
          this.#inside.set(link, { need, leave, handler, end, activeAt: this.#guard.now() });
          this.#everInside = true;
          this.#access.logAttach(need, who, undefined);
        }
      },
      failed: (error) => {
        if (need !== undefined) {
          this.#access.logAttach(need, who, error);
        }
      },
    };
  }

  /** Whether `$management` may be asked something. @throws BrokerError UnauthorizedAccess, ServiceBusy on request */
  requireManagement(address: string, right: AccessRight): void {
    const need = this.#need(address, [right]);
    this.#access.require(need);
    this.#refuseBusy(need, BusyAt.Management);
  }

  /** The link is over. */
  left(link: link): void {
    const inside = this.#inside.get(link);
    inside?.leave();
    if (this.#inside.delete(link) && this.#inside.size === 0) {
      this.#emptySince = this.#guard.now();
    }
  }

  /** Detaches every link on which nothing has happened for so long, as the service does after ten minutes. */
  endIdle(idleMs: number): void {
    const now = this.#guard.now();
    for (const [{ name }, inside] of this.#inside) {
      if (inside.handler.active === true) {
        inside.handler.active = false;
        inside.activeAt = now;
      } else if (now - inside.activeAt >= idleMs) {
        inside.activeAt = Number.POSITIVE_INFINITY;
        inside.end(idleExpired(name, inside.need, idleMs, this.#guard.trail()));
      }
    }
  }

  /** For how long there has been no link, where that is longer than the service bears. */
  get emptyTooLong(): number | undefined {
    const allowed = this.#everInside ? AFTER_LAST_LINK_MS : BEFORE_FIRST_LINK_MS;
    return this.#inside.size === 0 && this.#guard.now() - this.#emptySince >= allowed ? allowed : undefined;
  }

  /** Path of the entity that a link is at. */
  entityOf(link: link): string | undefined {
    return this.#inside.get(link)?.need.entity;
  }

  /** Whether there is a link at an entity. */
  isAt(entity: string): boolean {
    return [...this.#inside.values()].some(({ need }) => need.entity?.toLowerCase() === entity.toLowerCase());
  }

  #need(address: string | undefined, rights: readonly AccessRight[]): Need {
    if (address === undefined) {
      return { entity: undefined, rights };
    }
    const path = entityOfAddress(address.slice(0, LONGEST_ADDRESS));
    return { entity: this.#namespace.find(path)?.path ?? path, rights };
  }

  #refuseBusy({ entity }: Need, at: BusyAt): void {
    const refusal = this.#faults.active && entity !== undefined ? this.#faults.refusal(entity, at) : undefined;
    if (refusal !== undefined) {
      throw refusal;
    }
  }
}

/** What the service says to a link on which nothing happens; clients attach again when they need it. */
function idleExpired(name: string, { rights }: Need, idleMs: number, trail: string): BrokerError {
  const [right] = rights.length === 1 ? rights : [];
  const [code, part] =
    right === AccessRight.Send
      ? ["publisher", "AmqpMessagePublisher"]
      : right === AccessRight.Listen
        ? ["consumer", "AmqpMessageConsumer"]
        : ["controller", "AmqpControlProtocolClient"];
  const time = new Date(idleMs).toISOString().slice(11, 19);
  return new BrokerError(
    BrokerErrorCode.DetachForced,
    `The link '${name}' is force detached. Code: ${code}. Details: ${part}.IdleTimerExpired: Idle timeout: ${time}. ${trail}`,
  );
}
