import type { link } from "rhea";
import type { AccessRight } from "../core/access.js";
import { entityOfAddress } from "../core/audience.js";
import type { BrokerError } from "../core/errors.js";
import type { Namespace } from "../core/namespace.js";
import type { ConnectionAccess, Need } from "./connectionAccess.js";
import { BusyAt, type Faults } from "./faults.js";
import { closeWith, type LinkHandler } from "./links.js";

/** An entity's path with a sub-queue and `/$management` behind it is shorter; a longer address names nothing. */
export const LONGEST_ADDRESS = 512;

/** Asks whether the peer may attach; throws where it may not. Without an address, any token of the connection will do. */
export type MayAttach = (address: string | undefined, rights: readonly AccessRight[]) => void;

/** One link on its way in. */
export interface Attempt {
  readonly may: MayAttach;
  succeeded(handler: LinkHandler): void;
  failed(error: BrokerError): void;
}

/** Where links of one connection are let in or not, and by what right they stay. */
export class LinkGate {
  readonly #namespace: Namespace;
  readonly #faults: Faults;
  readonly #access: ConnectionAccess;
  /** What each link of an entity needs, and what takes it out of the watch over rights. */
  readonly #inside = new Map<link, { readonly need: Need; readonly leave: () => void }>();

  constructor(access: ConnectionAccess, { namespace, faults }: { namespace: Namespace; faults: Faults }) {
    this.#access = access;
    this.#namespace = namespace;
    this.#faults = faults;
  }

  /** Begins to let a link in; what comes of it is written down. One that asks for nothing (`$cbs`) is not. */
  attempt(link: link): Attempt {
    let need: Need | undefined;
    let who: string | undefined;
    return {
      may: (address, rights) => {
        need = this.#need(address, rights);
        who = this.#access.claimant(need);
        who = this.#access.require(need)?.name ?? who;
        this.#refuseBusy(need, BusyAt.Attach);
      },
      succeeded: (handler) => {
        if (need !== undefined) {
          const end = (error: BrokerError): void => handler.detach?.(error) ?? closeWith(link, error);
          this.#inside.set(link, { need, leave: this.#access.admit({ name: link.name, need, end }) });
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

  /** Whether something may be done now, beside the link's own right. @throws BrokerError UnauthorizedAccess */
  require(address: string, right: AccessRight): void {
    this.#access.require(this.#need(address, [right]));
  }

  /** Whether `$management` may be asked something. @throws BrokerError UnauthorizedAccess, ServiceBusy on request */
  requireManagement(address: string, right: AccessRight): void {
    const need = this.#need(address, [right]);
    this.#access.require(need);
    this.#refuseBusy(need, BusyAt.Management);
  }

  /** The link is over. */
  left(link: link): void {
    this.#inside.get(link)?.leave();
    this.#inside.delete(link);
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
