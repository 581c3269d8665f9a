import { pause } from "../support/clock.js";
import type { Logger, WorkerMetrics } from "../telemetry/index.js";
import { type Backoff, backoffMilliseconds, REFUSED } from "./backoff.js";
import type { BusState } from "./busState.js";
import { errorCode, errorText } from "./errors.js";
import { isRefusal, type Propagation } from "./propagation.js";
import { Session, type SessionOptions, type SessionReceiver, Yields } from "./session.js";

export interface SessionIntakeOptions extends Omit<SessionOptions, "mayYield" | "stopping"> {
  /** Accepts the next session that has messages and no holder; rejects with ServiceTimeout where there is none. */
  acceptNext(): Promise<SessionReceiver>;
  state: BusState;
  propagation: Pick<Propagation, "refused" | "accepted">;
  /** Path of the source entity. */
  entity: string;
  /** Sessions held at once. */
  concurrency: number;
  random(): number;
  metrics: WorkerMetrics;
  logger: Logger;
}

/** Sessions that are asked for at once: filling the pool takes few round trips, waiting costs few open links. */
const ACCEPTS = 8;
/** Wait after a refused accept. */
const BACKOFF: Backoff = { baseMilliseconds: 250, maxMilliseconds: 10_000 };
/** A "no session" that came sooner than this was no long poll: it is not asked again at once, in milliseconds. */
const LONG_POLL_MILLISECONDS = 1_000;

/**
 * Works on up to `concurrency` sessions at once. While all places are taken and a session could make room, since it is
 * empty or its quantum is over, another one is asked for. Only once the broker has given one does a session make room for
 * it: nothing is closed where nobody waits, and the place never goes back to the session that has just left it.
 */
export class SessionIntake {
  /** Those that have a place. */
  private readonly sessions = new Set<Session>();
  /** Those that were accepted and wait for the place of one that makes room. */
  private readonly next: Session[] = [];
  private readonly end = new AbortController();
  private asking = 0;
  /** Grows when requests that are out are given up as unanswered. */
  private generation = 0;
  /** Those that are being given back untouched. */
  private closing = 0;
  /** Times in a row that no session could be had, and when the last one was. */
  private failures = 0;
  private failedAt = 0;
  /** Times in a row that sessions could not be worked on, and when the last one was. */
  private givenUp = 0;
  private givenUpAt = 0;
  private whenIdle: (() => void) | undefined;

  constructor(private readonly options: SessionIntakeOptions) {}

  start(): void {
    this.fill();
  }

  /** Begins nothing new: each session ends after the message that it is at. */
  async stop(): Promise<void> {
    this.end.abort();
    for (const session of this.sessions) session.nudge();
    for (const session of this.next.splice(0)) void this.giveBack(session);
  }

  /** Resolves when no session is held any more. */
  idle(): Promise<void> {
    if (this.held === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.whenIdle = resolve;
    });
  }

  /** True while a session is asked for and there is a place for it. */
  get wanting(): boolean {
    const { concurrency, ledger } = this.options;
    return !this.end.signal.aborted && ledger.mayTake && this.sessions.size < concurrency && ledger.room > 0;
  }

  /** Asks anew: the requests that are out may never be answered. Sessions that are held go on. */
  recycle(): void {
    this.generation++;
    this.asking = 0;
    this.fill();
  }

  /** Nothing is left to close: each session closes its own link. */
  async close(): Promise<void> {}

  /** Asks for more sessions while there are places, or some that could be: to be called when the bounds have moved. */
  fill(): void {
    const { ledger } = this.options;
    while (
      !this.end.signal.aborted &&
      ledger.mayTake &&
      this.asking < ACCEPTS &&
      this.sessions.size + this.asking < this.places &&
      (ledger.room > 0 || this.sessions.size === 0 || this.full)
    ) {
      this.asking++;
      const { generation } = this;
      void this.ask().finally(() => {
        if (generation === this.generation) this.asking--;
        this.fill();
      });
    }
  }

  private get full(): boolean {
    return this.sessions.size >= this.options.concurrency;
  }

  /** Places that there are, and while all are taken those as well that could be made. */
  private get places(): number {
    const { concurrency } = this.options;
    if (!this.full) return concurrency;
    let more = 0;
    for (const session of this.sessions) if (session.yields !== Yields.Not) more++;
    return concurrency + more;
  }

  private get held(): number {
    return this.sessions.size + this.next.length + this.closing;
  }

  private async ask(): Promise<void> {
    const { acceptNext, clock, ledger } = this.options;
    const asked = clock.now();
    try {
      const receiver = await acceptNext();
      this.answered();
      // Closed before anything was received, it costs no message a delivery.
      if (this.end.signal.aborted || !ledger.mayTake) await receiver.close();
      else this.place(receiver);
    } catch (error) {
      await this.refused(error, asked);
    }
  }

  /** The broker gave a session, or said that there is none: it is reached, and takes the worker. */
  private answered(): void {
    this.failures = 0;
    this.options.propagation.accepted(this.options.entity);
    this.options.state.up(this);
  }

  /** Gives a session a place, or has another one make room for it; where neither can be, it is given back. */
  private place(receiver: SessionReceiver): void {
    const session = new Session(receiver, {
      ...this.options,
      mayYield: () => this.fill(),
      stopping: () => this.end.signal.aborted,
    });
    if (!this.full && this.next.length === 0) return void this.work(session);
    const leaves = this.whoLeaves();
    if (leaves === undefined) return void this.giveBack(session);
    this.next.push(session);
    this.counted();
    leaves.leave();
  }

  /** An empty session rather than one in work, then the one that has had its place for longest. */
  private whoLeaves(): Session | undefined {
    let best: Session | undefined;
    for (const session of this.sessions) {
      const more = session.yields - (best?.yields ?? Yields.Not);
      if (more > 0 || (more === 0 && best !== undefined && session.since < best.since)) best = session;
    }
    return best;
  }

  private async work(session: Session): Promise<void> {
    this.sessions.add(session);
    this.counted();
    const failed = !(await session.run());
    const { clock } = this.options;
    if (!failed) this.givenUp = 0;
    // Those that fail beside each other fail once.
    else if (session.since >= this.givenUpAt) {
      this.givenUp++;
      this.givenUpAt = clock.now();
    }
    // Its place stays taken for that long: whatever the bus has against it, it is not asked again at once.
    if (failed) await this.wait(BACKOFF, this.givenUp);
    this.sessions.delete(session);
    const next = this.next.shift();
    if (next !== undefined) void this.work(next);
    this.counted();
    this.options.ledger.settle();
    this.fill();
  }

  private async giveBack(session: Session): Promise<void> {
    this.closing++;
    await session.giveBack();
    this.closing--;
    this.counted();
  }

  private counted(): void {
    this.options.metrics.sessions.set(this.held);
    if (this.held === 0) this.whenIdle?.();
  }

  private async wait(backoff: Backoff, failures: number): Promise<void> {
    const { clock, random } = this.options;
    await pause(clock, backoffMilliseconds(backoff, failures, random, backoff.baseMilliseconds), this.end.signal);
  }

  /** No session is an answer; anything else is an error after which one waits. */
  private async refused(error: unknown, asked: number): Promise<void> {
    const { state, logger, metrics, clock } = this.options;
    if (this.end.signal.aborted) return;
    const code = errorCode(error);
    if (code === "ServiceTimeout" || code === "SessionCannotBeLocked") {
      this.answered();
      const after = clock.now() - asked;
      if (after < LONG_POLL_MILLISECONDS) await pause(clock, LONG_POLL_MILLISECONDS - after, this.end.signal);
      return;
    }
    // Requests that fail beside each other fail once.
    if (asked >= this.failedAt) {
      this.failures++;
      this.failedAt = clock.now();
    }
    metrics.receiverErrors.inc({ code });
    const refusal = isRefusal(error);
    if (refusal) this.options.propagation.refused(this.options.entity, error);
    state.down(this, `${code}: ${errorText(error)}`);
    logger.warn({ code, description: errorText(error) }, "no session could be accepted");
    await this.wait(refusal ? REFUSED : BACKOFF, this.failures);
  }
}
