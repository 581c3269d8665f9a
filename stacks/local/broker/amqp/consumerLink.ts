import { type Sender, types } from "rhea";
import type { Consumer, ConsumerSink } from "../core/consumer.js";
import { ReceiveMode } from "../core/consumer.js";
import type { BrokerError } from "../core/errors.js";
import type { Lock, StoredMessage } from "../core/message.js";
import type { Queue } from "../core/queue.js";
import type { SessionLock } from "../core/sessions.js";
import type { Settlement } from "../core/settlement.js";
import { asBrokerError } from "./conditions.js";
import { answerHeldAttach, closeWith, holdAttach, isAnswered, type LinkHandler } from "./links.js";
import type { LockTokens } from "./lockTokens.js";
import { type ConnectionTransactions, topEntityOf } from "./transactions.js";
import type { DeliveryOwner, Transfers } from "./transfers.js";

const SESSION_FILTER = "com.microsoft:session-filter";
const LOCKED_UNTIL = "com.microsoft:locked-until-utc";
const TIMEOUT = "com.microsoft:timeout";
/** How long a client that names no time waits for a session, and the longest that is granted. */
const SESSION_WAIT_MS = 60_000;
const LONGEST_SESSION_WAIT_MS = 300_000;
/** Sender settle mode of a client that wants its messages settled when they are sent. */
const SETTLED = 1;
/** .NET's ticks of 100 ns since the year 1, at the beginning of 1970. */
const TICKS_AT_1970 = 621_355_968_000_000_000n;
const TICKS_PER_MS = 10_000n;
/** The tag of a delivery that nobody settles. */
const NO_LOCK = Buffer.alloc(16);

/** A client's wish for a session: its id, undefined for any; and the wish as it was said, for the answer. */
interface SessionWish {
  readonly id: string | undefined;
  readonly answer: (id: string) => unknown;
}

/** Some clients say a session id bare, others as a described value; each wants its own form back. */
function sessionWish(link: Sender): SessionWish | undefined {
  const filter: unknown = link.source?.filter;
  if (typeof filter !== "object" || filter === null || !(SESSION_FILTER in filter)) {
    return undefined;
  }
  const said: unknown = filter[SESSION_FILTER];
  if (typeof said === "object" && said !== null && "descriptor" in said && "value" in said) {
    const { descriptor } = said;
    const code: unknown =
      typeof descriptor === "object" && descriptor !== null && "value" in descriptor ? descriptor.value : descriptor;
    return {
      id: typeof said.value === "string" ? said.value : undefined,
      answer: (id) =>
        typeof code === "number" || typeof code === "string" ? types.wrap_described(id, code) : types.wrap(id),
    };
  }
  return { id: typeof said === "string" ? said : undefined, answer: (id) => id };
}

function ticks(milliseconds: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(milliseconds) * TICKS_PER_MS + TICKS_AT_1970);
  return bytes;
}

/** A link on which a client receives: it hands out what the engine gives it, within the client's credit. */
export class ConsumerLink implements ConsumerSink, DeliveryOwner, LinkHandler {
  readonly queue: Queue;
  active = true;
  readonly #link: Sender;
  readonly #transfers: Transfers;
  readonly #tokens: LockTokens;
  readonly #transactions: ConnectionTransactions;
  readonly #mode: ReceiveMode;
  readonly #locks = new Map<number, Lock>();
  #consumer: Consumer | undefined;
  #stopWaiting: (() => void) | undefined;
  #closed = false;

  /** Attaches; a refusal is thrown, or sent once a session that is waited for cannot be had. */
  constructor(
    link: Sender,
    queue: Queue,
    transfers: Transfers,
    { tokens, transactions }: { readonly tokens: LockTokens; readonly transactions: ConnectionTransactions },
  ) {
    this.queue = queue;
    this.#link = link;
    this.#transfers = transfers;
    this.#tokens = tokens;
    this.#transactions = transactions;
    this.#mode = link.snd_settle_mode === SETTLED ? ReceiveMode.ReceiveAndDelete : ReceiveMode.PeekLock;
    link._get_drain = () => this.#drained();
    const wish = sessionWish(link);
    if (wish === undefined) {
      this.#attached(undefined);
    } else if (wish.id !== undefined) {
      this.#attached(queue.acceptSession(wish.id), wish);
    } else {
      this.#awaitSession(wish);
    }
  }

  get path(): string {
    return this.queue.path;
  }

  get name(): string {
    return this.#link.name;
  }

  /** The session it holds. */
  get session(): SessionLock | undefined {
    return this.#consumer?.session;
  }

  #awaitSession(wish: SessionWish): void {
    const asked: unknown = this.#link.properties?.[TIMEOUT];
    const wait = Math.min(typeof asked === "number" ? asked : SESSION_WAIT_MS, LONGEST_SESSION_WAIT_MS);
    let held = false;
    this.#stopWaiting = this.queue.acceptNextSession(wait, {
      accepted: (session) => {
        this.#stopWaiting = undefined;
        try {
          this.#attached(session, wish);
        } catch (error) {
          this.queue.sessions?.release(session);
          closeWith(this.#link, asBrokerError(error));
        }
        if (held) {
          this.#link.open();
          this.flow();
        }
      },
      failed: (error) => {
        this.#stopWaiting = undefined;
        this.#link.open();
        this.detach(error);
      },
    });
    if (this.#consumer === undefined && !this.#closed) {
      held = true;
      holdAttach(this.#link);
    }
  }

  #attached(session: SessionLock | undefined, wish?: SessionWish): void {
    this.#consumer = this.queue.open(this, this.#mode, session);
    this.#transfers.listen(this);
    const address = this.#link.source?.address ?? this.queue.path;
    if (session === undefined || wish === undefined) {
      this.#link.set_source({ address });
    } else {
      this.#link.set_source({ address, filter: { [SESSION_FILTER]: wish.answer(session.session.id) } });
      this.#link.local.attach.properties = { [LOCKED_UNTIL]: types.wrap_long(ticks(session.lockedUntil)) };
    }
    this.#link.set_target({ address: this.#link.target?.address });
  }

  // --- credit ---------------------------------------------------------------------------------------------------

  flow(): void {
    // Credit that comes before the attach is answered is kept by the link, and used then.
    if (this.#consumer === undefined || !this.#link.is_open()) {
      return;
    }
    if (!isAnswered(this.#link)) {
      // Not the next tick: were the answer never to leave, ticks would run for ever and nothing else.
      setImmediate(() => this.flow());
      return;
    }
    this.#consumer.setCredit(this.#transfers.ready ? this.#link.credit : 0);
    if (this.#link._draining && this.#transfers.ready) {
      this.#consumer.setCredit(0);
      this.#link.set_drained(true);
    }
  }

  resume(): void {
    this.flow();
    if (this.#link.issue_flow) {
      this.#link.connection["_register"]();
    }
  }

  /**
   * What `rhea` asks when it writes a flow: whether the rest of the credit is used up by a drain. Its own answer is no
   * when no credit is left, and the client would wait for the answer to its drain in vain.
   */
  #drained(): boolean {
    if (!this.#link._draining || !this.#link._drained) {
      return false;
    }
    this.#link.delivery_count += this.#link.credit;
    this.#link.credit = 0;
    return true;
  }

  // --- deliveries -----------------------------------------------------------------------------------------------

  deliver(message: StoredMessage, lock: Lock | undefined): boolean {
    this.active = true;
    if (lock === undefined) {
      this.#transfers.deliver(this.#link, NO_LOCK, message, undefined);
    } else {
      const owner = { lockedUntil: lock.lockedUntil, owner: this };
      this.#locks.set(this.#transfers.deliver(this.#link, this.#tokens.tag(lock.id), message, owner), lock);
    }
    return this.#transfers.ready;
  }

  settle(deliveryId: number, settlement: Settlement, transaction?: Buffer): BrokerError | undefined {
    this.active = true;
    const lock = this.#locks.get(deliveryId);
    if (lock === undefined) {
      return undefined;
    }
    this.#locks.delete(deliveryId);
    try {
      if (transaction === undefined) {
        this.queue.settle(lock, settlement);
      } else {
        const entity = topEntityOf(this.queue.path);
        const enlisted = this.#transactions.enlist(transaction, entity, this.#link.session);
        enlisted.transaction.settle(this.queue, lock, settlement, enlisted.part);
      }
      return undefined;
    } catch (error) {
      return asBrokerError(error);
    }
  }

  // --- the end --------------------------------------------------------------------------------------------------

  /** Ends the link. What its client still says of its deliveries is refused, until it has heard of the end. */
  detach(error: BrokerError): void {
    if (this.#stopWaiting !== undefined && !this.#closed) {
      // Its attach is held back: it is answered first, as the standard wants it.
      this.#link.open();
    }
    this.#stop();
    closeWith(this.#link, error);
  }

  closed(): void {
    // Where the session or the connection ended, nobody waits for an answer.
    if (this.#stopWaiting !== undefined && !this.#link.state.remote_open) {
      answerHeldAttach(this.#link);
    }
    this.#stop();
    this.#transfers.forget(this, this.#link);
    this.#locks.clear();
  }

  #stop(): void {
    this.#closed = true;
    this.#stopWaiting?.();
    this.#stopWaiting = undefined;
    this.#consumer?.close();
    this.#transfers.mute(this);
  }
}
