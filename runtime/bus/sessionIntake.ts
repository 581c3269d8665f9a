import type { Logger, WorkerMetrics } from "../telemetry/index.js";
import { type Backoff, backoffMilliseconds, REFUSED } from "./backoff.js";
import type { BusState } from "./busState.js";
import { pause } from "./clock.js";
import { errorCode, errorText } from "./errors.js";
import { isRefusal, type Propagation } from "./propagation.js";
import { Session, type SessionOptions, type SessionReceiver } from "./session.js";

export interface SessionIntakeOptions extends Omit<SessionOptions, "idleMilliseconds" | "stopping"> {
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
/** How long a session may idle while there are slots for others, and while there are none, in milliseconds. */
const IDLE_MILLISECONDS = 2_000;
const IDLE_FULL_MILLISECONDS = 50;
/** Wait after a refused accept. */
const BACKOFF: Backoff = { baseMilliseconds: 250, maxMilliseconds: 10_000 };
/** A "no session" that came sooner than this was no long poll: it is not asked again at once, in milliseconds. */
const LONG_POLL_MILLISECONDS = 1_000;

/** Holds up to `concurrency` sessions at once, and makes room for others as soon as one is empty. */
export class SessionIntake {
  private readonly sessions = new Set<Session>();
  private readonly end = new AbortController();
  private asking = 0;
  private failures = 0;
  private whenIdle: (() => void) | undefined;

  constructor(private readonly options: SessionIntakeOptions) {}

  start(): void {
    this.fill();
  }

  /** Begins nothing new: each session ends after the message that it is at. */
  async stop(): Promise<void> {
    this.end.abort();
    for (const session of this.sessions) session.nudge();
  }

  /** Resolves when no session is held any more. */
  idle(): Promise<void> {
    if (this.sessions.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.whenIdle = resolve;
    });
  }

  /** Nothing is left to close: each session closes its own link. */
  async close(): Promise<void> {}

  /** Asks for more sessions while there are slots: to be called when the bounds have moved. */
  fill(): void {
    const { concurrency, ledger } = this.options;
    while (
      !this.end.signal.aborted &&
      ledger.mayTake &&
      this.asking < ACCEPTS &&
      this.sessions.size + this.asking < concurrency &&
      (ledger.room > 0 || this.sessions.size === 0)
    ) {
      this.asking++;
      void this.ask().finally(() => {
        this.asking--;
        this.fill();
      });
    }
  }

  private async ask(): Promise<void> {
    const { acceptNext, clock, ledger } = this.options;
    const asked = clock.now();
    try {
      const receiver = await acceptNext();
      this.answered();
      // Closed before anything was received, it costs no message a delivery.
      if (this.end.signal.aborted || !ledger.mayTake) await receiver.close();
      else void this.hold(receiver);
    } catch (error) {
      await this.refused(error, clock.now() - asked);
    }
  }

  /** The broker gave a session, or said that there is none: it is reached, and takes the worker. */
  private answered(): void {
    this.failures = 0;
    this.options.propagation.accepted(this.options.entity);
    this.options.state.up(this);
  }

  private async hold(receiver: SessionReceiver): Promise<void> {
    const { metrics, ledger } = this.options;
    const session = new Session(receiver, {
      ...this.options,
      idleMilliseconds: () =>
        this.sessions.size >= this.options.concurrency ? IDLE_FULL_MILLISECONDS : IDLE_MILLISECONDS,
      stopping: () => this.end.signal.aborted,
    });
    this.sessions.add(session);
    metrics.sessions.set(this.sessions.size);
    await session.run();
    this.sessions.delete(session);
    metrics.sessions.set(this.sessions.size);
    if (this.sessions.size === 0) this.whenIdle?.();
    ledger.settle();
    this.fill();
  }

  /** No session is an answer; anything else is an error after which one waits. */
  private async refused(error: unknown, after: number): Promise<void> {
    const { state, logger, metrics, clock, random } = this.options;
    if (this.end.signal.aborted) return;
    const code = errorCode(error);
    if (code === "ServiceTimeout" || code === "SessionCannotBeLocked") {
      this.answered();
      if (after < LONG_POLL_MILLISECONDS) await pause(clock, LONG_POLL_MILLISECONDS - after, this.end.signal);
      return;
    }
    this.failures++;
    metrics.receiverErrors.inc({ code });
    const refusal = isRefusal(error);
    if (refusal) this.options.propagation.refused(this.options.entity, error);
    state.down(this, `${code}: ${errorText(error)}`);
    logger.warn({ code, description: errorText(error) }, "no session could be accepted");
    const backoff = refusal ? REFUSED : BACKOFF;
    await pause(clock, backoffMilliseconds(backoff, this.failures, random, backoff.baseMilliseconds), this.end.signal);
  }
}
