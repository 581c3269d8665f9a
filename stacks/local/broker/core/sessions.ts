import type { Clock } from "./clock.js";
import type { Consumer } from "./consumer.js";
import type { Deadline, Deadlines } from "./deadlines.js";
import { BrokerError, BrokerErrorCode, sessionLockLost } from "./errors.js";
import type { Lock } from "./message.js";
import { ReadyList } from "./readyList.js";

/** What the sessions of a queue need of it. */
export interface SessionHome {
  readonly path: string;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** Milliseconds that a lock taken now lasts. */
  readonly lockMs: number;
  /** Takes a message back from a session whose lock ended; `costs` says whether that counts as a delivery. */
  takeBack(lock: Lock, costs: boolean): void;
  /** A session's state was set or cleared. */
  stateSet(sessionId: string): void;
}

/** Somebody who waits for any session with messages. Exactly one of the two is called, once. */
export interface SessionWaiter {
  accepted(lock: SessionLock): void;
  failed(error: BrokerError): void;
}

/** The state of a session as it outlives a restart. */
export interface SessionRecord {
  readonly id: string;
  readonly state: Uint8Array;
  /** Milliseconds since 1970. */
  readonly stateUpdatedAt: number;
}

/** All that a queue holds under one session id. */
export class Session {
  readonly id: string;
  readonly ready = new ReadyList();
  lock: SessionLock | undefined;
  /** What a receiver stored with the session; opaque. */
  state: Uint8Array | undefined;
  /** Messages of this session that wait, are locked or are deferred. */
  messages = 0;
  /** When its state was last set, in milliseconds since 1970; 0 for never. */
  stateUpdatedAt = 0;

  constructor(id: string) {
    this.id = id;
  }
}

/** The claim of one receiver on one session. */
export class SessionLock implements Deadline {
  readonly session: Session;
  open = true;
  /** Milliseconds since 1970. */
  lockedUntil = 0;
  consumer: Consumer | undefined;
  /** The messages handed out under it and not settled, in the order in which they were. */
  readonly locks = new Set<Lock>();
  deadlineAt = 0;
  deadlineSlot = -1;
  readonly #table: SessionTable;

  constructor(table: SessionTable, session: Session) {
    this.#table = table;
    this.session = session;
  }

  due(): void {
    this.#table.expire(this);
  }
}

interface Waiting {
  readonly waiter: SessionWaiter;
  readonly cancelTimer: () => void;
}

/** The sessions of one queue: which exist, which are locked, and who waits for one. */
export class SessionTable {
  readonly #home: SessionHome;
  readonly #sessions = new Map<string, Session>();
  /** Unlocked sessions with waiting messages, the longest available first. */
  readonly #available = new Set<Session>();
  readonly #waiting = new Set<Waiting>();

  constructor(home: SessionHome) {
    this.#home = home;
  }

  get size(): number {
    return this.#sessions.size;
  }

  get(id: string): Session | undefined {
    return this.#sessions.get(id);
  }

  /** Counts a message into its session; `offer` makes it known once it may be delivered. */
  join(id: string): Session {
    let session = this.#sessions.get(id);
    if (session === undefined) {
      session = new Session(id);
      this.#sessions.set(id, session);
    }
    session.messages++;
    return session;
  }

  /** Counts a message out of its session. */
  leave(id: string): void {
    const session = this.#sessions.get(id);
    if (session !== undefined) {
      session.messages--;
      this.#dropIfEmpty(session);
    }
  }

  /** Makes a session known to whoever waits for one, if it is unlocked and has messages waiting. */
  offer(session: Session): void {
    if (session.lock !== undefined || session.ready.size === 0) {
      return;
    }
    const [first] = this.#waiting;
    if (first === undefined) {
      this.#available.add(session);
      return;
    }
    this.#waiting.delete(first);
    first.cancelTimer();
    first.waiter.accepted(this.#lock(session));
  }

  /** Locks the named session, whether it has messages or not. */
  accept(id: string): SessionLock {
    const session = this.#sessions.get(id) ?? new Session(id);
    if (session.lock !== undefined) {
      throw new BrokerError(
        BrokerErrorCode.SessionCannotBeLocked,
        `The requested session '${id}' cannot be accepted. It may be locked by another receiver.`,
      );
    }
    this.#sessions.set(id, session);
    return this.#lock(session);
  }

  /**
   * Locks any session with waiting messages, now or when there is one.
   * @returns what gives the waiting up; harmless once the waiter was told.
   */
  acceptNext(timeoutMs: number, waiter: SessionWaiter): () => void {
    for (const session of this.#available) {
      this.#available.delete(session);
      if (session.lock === undefined && session.ready.size > 0) {
        waiter.accepted(this.#lock(session));
        return () => {};
      }
    }
    const cancelTimer = this.#home.clock.after(timeoutMs, () => {
      if (this.#waiting.delete(entry)) {
        waiter.failed(
          new BrokerError(
            BrokerErrorCode.Timeout,
            `The operation did not complete within the allotted timeout of ${timeoutMs} ms: no session of '${this.#home.path}' is free and has messages.`,
          ),
        );
      }
    });
    const entry: Waiting = { waiter, cancelTimer };
    this.#waiting.add(entry);
    return () => {
      if (this.#waiting.delete(entry)) {
        cancelTimer();
      }
    };
  }

  /** Lets a lock last from now on again. Returns until when. */
  renew(lock: SessionLock): number {
    if (!lock.open) {
      throw sessionLockLost(this.#home.path, lock.session.id);
    }
    lock.lockedUntil = this.#home.clock.now() + this.#home.lockMs;
    this.#home.deadlines.set(lock, lock.lockedUntil);
    return lock.lockedUntil;
  }

  /** Gives a session up. What was not settled goes back, and costs no delivery. */
  release(lock: SessionLock): void {
    this.#end(lock, false);
  }

  /** Ends a session whose time is over. What was not settled goes back and costs a delivery; its receiver is told. */
  expire(lock: SessionLock): void {
    const consumer = lock.consumer;
    if (this.#end(lock, true)) {
      consumer?.detach(sessionLockLost(this.#home.path, lock.session.id));
    }
  }

  /** Stores something with a session; undefined clears it. */
  setState(lock: SessionLock, state: Uint8Array | undefined): void {
    lock.session.state = state;
    lock.session.stateUpdatedAt = this.#home.clock.now();
    this.#home.stateSet(lock.session.id);
  }

  /** Sessions that keep a state, whether they have messages or not. */
  *states(): Generator<SessionRecord> {
    for (const { id, state, stateUpdatedAt } of this.#sessions.values()) {
      if (state !== undefined) {
        yield { id, state, stateUpdatedAt };
      }
    }
  }

  /** Puts a session's state back as it was before a restart. */
  restoreState({ id, state, stateUpdatedAt }: SessionRecord): void {
    const session = this.#sessions.get(id) ?? new Session(id);
    this.#sessions.set(id, session);
    session.state = state;
    session.stateUpdatedAt = stateUpdatedAt;
  }

  /**
   * Ids of sessions in order, from `skip` on, at most `top`: those whose state was set after `stateSince`, or, without
   * one, those that have messages.
   */
  list(stateSince: number | undefined, skip: number, top: number): string[] {
    return [...this.#sessions.values()]
      .filter((session) => (stateSince === undefined ? session.messages > 0 : session.stateUpdatedAt > stateSince))
      .map(({ id }) => id)
      .sort()
      .slice(skip, skip + top);
  }

  /** Tells everybody who waits that there is nothing to wait for. */
  failWaiting(error: BrokerError): void {
    for (const entry of [...this.#waiting]) {
      this.#waiting.delete(entry);
      entry.cancelTimer();
      entry.waiter.failed(error);
    }
  }

  /** Forgets every session; the queue is gone. */
  close(): void {
    for (const session of this.#sessions.values()) {
      if (session.lock !== undefined) {
        session.lock.open = false;
        this.#home.deadlines.clear(session.lock);
      }
    }
    this.#sessions.clear();
    this.#available.clear();
  }

  #lock(session: Session): SessionLock {
    this.#available.delete(session);
    const lock = new SessionLock(this, session);
    session.lock = lock;
    this.renew(lock);
    return lock;
  }

  #end(lock: SessionLock, costs: boolean): boolean {
    if (!lock.open) {
      return false;
    }
    lock.open = false;
    this.#home.deadlines.clear(lock);
    for (const held of [...lock.locks]) {
      this.#home.takeBack(held, costs);
    }
    const session = lock.session;
    session.lock = undefined;
    lock.consumer = undefined;
    this.offer(session);
    this.#dropIfEmpty(session);
    return true;
  }

  #dropIfEmpty(session: Session): void {
    if (session.messages === 0 && session.lock === undefined && session.state === undefined) {
      this.#sessions.delete(session.id);
      this.#available.delete(session);
    }
  }
}
