import {
  DelayedRetry,
  EmptySessionState,
  ExitCode,
  entityPath,
  type Outcome,
  type Pipeline,
  type Sink,
  type SinkMessage,
} from "../contract/index.js";
import { type Clock, within } from "../support/clock.js";
import type { Audit, Health, Logger, Tracing, WorkerMetrics } from "../telemetry/index.js";
import { Attempts } from "./attempts.js";
import { Batcher } from "./batcher.js";
import { BusState } from "./busState.js";
import { CreditLedger } from "./credit.js";
import { Deliveries } from "./delivery.js";
import { readMessage } from "./envelope.js";
import { errorCode, errorText, isLockLost } from "./errors.js";
import { KeyGuard } from "./keyGuard.js";
import { LagObserver } from "./lag.js";
import { LockKeeper, StopReason } from "./locks.js";
import { LockWatch } from "./lockWatch.js";
import { Propagation } from "./propagation.js";
import { QueueIntake } from "./queueIntake.js";
import { Replies } from "./replies.js";
import { Rescheduler } from "./rescheduler.js";
import { SESSION_PREFETCH } from "./session.js";
import { SessionIntake } from "./sessionIntake.js";
import type { Bus } from "./source.js";
import { StoreGate } from "./storeGate.js";
import { Suspects, suspectAfter } from "./suspects.js";
import { Watchdog } from "./watchdog.js";

/** What an engine is made of. */
export interface EngineOptions {
  pipeline: Pipeline;
  sink: Sink;
  bus: Bus;
  metrics: WorkerMetrics;
  logger: Logger;
  clock: Clock;
  /** Follows deliveries as spans; absent where traces are off. */
  tracing?: Tracing | undefined;
  /** Writes what is done; absent where the pipeline keeps no audit. */
  audit?: Audit | undefined;
  /** Says why a message is not from a producer that the pipeline trusts; undefined where it is. Absent where it asks none. */
  verify?: ((message: SinkMessage) => Promise<Outcome | undefined>) | undefined;
  /** Rejects where nobody can say now whether producers are trusted; goes with `verify`. */
  probeVerification?: (() => Promise<void>) | undefined;
  /** Numbers from 0 to 1, for the jitter. */
  random(): number;
  /**
   * Called once where nothing can be received, or a sink gives nothing back, for longer than the limits below; with
   * the status to end with, `Refused` where the bus refuses the worker's identity.
   */
  onNoProgress(reason: string, code: ExitCode): void;
}

/** Without an attached receiver for so long, the worker gives up: a new process starts afresh. In milliseconds. */
export const BUS_DOWN_MILLISECONDS = 120_000;
/** A sink that was told to stop and has not returned after so long holds its message for ever. In milliseconds. */
export const SINK_STUCK_MILLISECONDS = 60_000;
const WATCH_MILLISECONDS = 1_000;
/** How long a probe of the store may take in `ready`, in milliseconds. */
const PROBE_MILLISECONDS = 5_000;
/** Of the grace period, so much is kept for giving back what was not finished: at most, in milliseconds, and its share. */
const GIVE_BACK = { milliseconds: 3_000, share: 0.25 };

/** How long closing client and links may take at the end, in milliseconds. */
const CLOSE_MILLISECONDS = 3_000;

/** Carries the messages of one pipeline from the bus into its sink. */
export class Engine {
  private readonly keeper: LockKeeper;
  private readonly gate: StoreGate;
  private readonly replies: Replies;
  /** Present where delayed retries are scheduled. */
  private readonly rescheduler: Rescheduler | undefined;
  private readonly deliveries: Deliveries;
  private readonly state: BusState;
  private readonly propagation: Propagation;
  /** Path of the source entity. */
  private readonly entity: string;
  private readonly intake: QueueIntake | SessionIntake;
  private readonly ledger: CreditLedger;
  private readonly watchdog: Watchdog;
  private readonly lag: LagObserver;
  private readonly lockWatch: LockWatch;
  private callOffWatch: () => void = () => undefined;
  private stopping = false;
  private ended: Promise<boolean> | undefined;

  constructor(private readonly options: EngineOptions) {
    const { pipeline, sink, bus, metrics, logger, clock, random, tracing, audit, verify } = options;
    const { delivery, source, replyQueues } = pipeline;
    const entity = entityPath(source);
    this.entity = entity;
    this.propagation = new Propagation(clock);
    const backoff = {
      baseMilliseconds: delivery.retryBaseMilliseconds,
      maxMilliseconds: delivery.retryMaxMilliseconds,
    };
    this.state = new BusState(clock, (connected) => metrics.busConnected.set(connected ? 1 : 0));
    this.keeper = makeKeeper(options);
    this.gate = new StoreGate({
      probe: () => this.probe(),
      changed: (up, reason) => this.storeChanged(up, reason),
      shut: () => {
        metrics.circuitOpen.set(1);
        metrics.circuitOpenings.inc();
      },
      opened: () => this.goOn(),
      backoff,
      clock,
      random,
    });
    this.replies = new Replies(replyQueues, (queue) => bus.createSender(queue), tracing);
    const { queue } = source;
    if (delivery.delayedRetry === DelayedRetry.Schedule && queue !== undefined)
      this.rescheduler = new Rescheduler(source, () => bus.createSender(queue), clock);
    const { rescheduler } = this;
    const attempts = new Attempts({
      delivery,
      maxDeliveryCount: source.maxDeliveryCount,
      batcher: new Batcher({ sink, clock, metrics, tracing, audit, capacity: delivery.concurrency }),
      guard: new KeyGuard(),
      gate: this.gate,
      suspects: makeSuspects(options),
      replies: this.replies,
      propagation: this.propagation,
      verify,
      reschedule: rescheduler === undefined ? undefined : (...copy) => rescheduler.send(...copy),
      clock,
      random,
      events: {
        retry: (message, attempt, { code, description }) => {
          metrics.retries.inc({ code });
          const { messageId, traceId } = message;
          logger.info(
            { messageId, traceId, attempt, code, description: description.split("\n", 1)[0] },
            "attempt failed",
          );
        },
        reply: (result) => metrics.replies.inc({ result }),
        notScheduled: ({ messageId, traceId }, error) =>
          logger.warn(
            { messageId, traceId, code: errorCode(error), description: errorText(error) },
            "no copy for later could be sent: the message waits under its lock",
          ),
      },
    });
    const { lockDurationSeconds } = source;
    const { slowSeconds } = delivery;
    this.lockWatch = new LockWatch({ lockSeconds: lockDurationSeconds, slowSeconds, metrics, logger, clock });
    const processed = (seconds: number): void => this.lockWatch.processed(seconds);
    this.deliveries = new Deliveries({ attempts, metrics, logger, clock, lockDurationSeconds, tracing, processed });
    this.ledger = new CreditLedger({
      concurrency: delivery.concurrency * (source.sessions ? SESSION_PREFETCH : 1),
      maxHeldBytes: delivery.maxHeldBytes,
      mayTake: () => this.gate.open && !this.stopping,
    });
    metrics.held.ledger = this.ledger;
    const shared = {
      read: (received: Parameters<typeof readMessage>[0]) => readMessage(received, { entity, replyQueues }),
      deliveries: this.deliveries,
      keeper: this.keeper,
      ledger: this.ledger,
      state: this.state,
      propagation: this.propagation,
      entity,
      concurrency: delivery.concurrency,
      ...{ metrics, logger, clock, random },
    };
    this.intake = source.sessions
      ? new SessionIntake({
          ...shared,
          acceptNext: () => bus.acceptNextSession(),
          onPoison: delivery.onPoison,
          emptySessionState: delivery.emptySessionState ?? EmptySessionState.Keep,
          maxDeliveryCount: source.maxDeliveryCount,
          idleMilliseconds: delivery.sessionIdleMilliseconds,
          quantumMilliseconds: delivery.sessionQuantumSeconds * 1000,
          answerMilliseconds: delivery.client.timeoutSeconds * 1000,
        })
      : new QueueIntake({ ...shared, createReceiver: () => bus.createReceiver() });
    this.watchdog = this.makeWatchdog();
    const { waiting, deadLetters } = bus;
    const counts = pipeline.observe ? () => bus.counts() : undefined;
    this.lag = new LagObserver({
      ...{ waiting, deadLetters, counts, metrics, logger, clock, random },
      connected: () => this.state.connected,
    });
  }

  private makeWatchdog(): Watchdog {
    const { pipeline, bus, clock, metrics, logger, onNoProgress } = this.options;
    const { delivery, source } = pipeline;
    return new Watchdog({
      received: () => this.ledger.taken,
      wanting: () => this.intake.wanting && !this.propagation.isRefused(this.entity),
      peekOldest: () => bus.waiting.peekOldest(),
      recycleReceivers: async () => this.intake.recycle(),
      recycleClient: () => this.recycleClient(),
      giveUp: (reason) => onNoProgress(reason, ExitCode.NoProgress),
      stepped: (what, reason) => {
        metrics.recycles.inc({ what });
        logger.error({ what, reason }, "no progress although messages wait: it is replaced");
      },
      clock,
      noProgressMilliseconds: delivery.noProgressSeconds * 1000,
      lockMilliseconds: source.lockDurationSeconds * 1000,
      maxHoldMilliseconds: delivery.maxProcessingSeconds * 1000,
    });
  }

  private async recycleClient(): Promise<void> {
    this.replies.forget();
    this.rescheduler?.forget();
    await this.options.bus.recycle();
    this.intake.recycle();
  }

  /** Begins to take messages. The sink must have been started. */
  start(): void {
    this.lockWatch.start();
    this.watchdog.start();
    this.lag.start();
    this.options.metrics.storeUp.set(1);
    this.propagation.start();
    this.intake.start();
    this.watch();
  }

  /** Whether the process makes progress. */
  live(): Health {
    const reason = this.noProgress();
    return { ok: reason === undefined, reason: reason?.words ?? "live" };
  }

  /** Whether messages can be taken and stored now. */
  async ready(): Promise<Health> {
    const { metrics, clock } = this.options;
    if (this.stopping) return { ok: false, reason: "the worker is stopping" };
    const refusal = this.propagation.reason;
    if (refusal !== undefined) return { ok: false, reason: refusal };
    if (!this.state.connected) return { ok: false, reason: `the bus is not connected: ${this.state.reason}` };
    try {
      await within(clock, PROBE_MILLISECONDS, this.probe(), "its probe took too long");
      if (!this.gate.open) return { ok: false, reason: "the store fails: no attempt is begun until it is tried again" };
      metrics.storeUp.set(1);
      return { ok: true, reason: "ready" };
    } catch (error) {
      metrics.storeUp.set(0);
      return { ok: false, reason: `the store is not usable: ${errorText(error)}` };
    }
  }

  /**
   * Stops within the grace period, in milliseconds: intake first, then what is in work is finished or given back.
   * Resolves true where everything was settled or given back; nothing of the engine is left then. Once.
   * @param grace default the pipeline's
   */
  stop(grace = this.options.pipeline.delivery.shutdownGraceSeconds * 1000): Promise<boolean> {
    this.ended ??= this.end(grace);
    return this.ended;
  }

  private async end(grace: number): Promise<boolean> {
    const { clock, logger } = this.options;
    this.stopping = true;
    this.callOffWatch();
    this.watchdog.stop();
    this.lag.stop();
    const giveBack = Math.min(GIVE_BACK.milliseconds, grace * GIVE_BACK.share);
    const began = clock.now();
    await this.intake.stop();
    const finished = await this.idleWithin(grace - giveBack - (clock.now() - began));
    if (!finished) {
      logger.warn({ held: this.ledger.held }, "grace period nearly over: what is in work is given back");
      this.keeper.stopAll(StopReason.Stopping);
    }
    this.gate.stop();
    const empty = finished || (await this.idleWithin(grace - (clock.now() - began)));
    this.keeper.end();
    await this.close();
    return empty;
  }

  private async idleWithin(milliseconds: number): Promise<boolean> {
    try {
      await within(this.options.clock, Math.max(0, milliseconds), this.intake.idle(), "not idle");
      return true;
    } catch {
      return false;
    }
  }

  private async close(): Promise<void> {
    const { bus, clock, logger } = this.options;
    try {
      await within(clock, CLOSE_MILLISECONDS, this.closeAll(bus), "the client did not close in time");
    } catch (error) {
      logger.warn({ description: errorText(error) }, "the bus did not close");
    }
  }

  private async closeAll(bus: Bus): Promise<void> {
    await this.intake.close();
    await this.replies.close();
    await this.rescheduler?.close();
    await bus.close();
  }

  private storeChanged(up: boolean, reason: string): void {
    const { metrics, logger } = this.options;
    metrics.storeUp.set(up ? 1 : 0);
    if (!up) {
      const description = reason.split("\n", 1)[0];
      logger.error({ description }, "store down: nothing more is asked for, what is held stays held");
      if (this.intake instanceof QueueIntake) this.intake.pause();
    } else logger.info("store up: intake goes on");
  }

  /** Whether an attempt can be made now: its effect stored, and its record written. */
  private async probe(): Promise<void> {
    await this.options.audit?.probe();
    await this.options.probeVerification?.();
    await this.options.sink.probe();
  }

  /** The gate is open: what was not asked for meanwhile is asked for now. */
  private goOn(): void {
    this.options.metrics.circuitOpen.set(0);
    this.ledger.settle();
    if (this.intake instanceof SessionIntake) this.intake.fill();
    else this.intake.resume();
  }

  private noProgress(): { words: string; code: ExitCode } | undefined {
    const { clock } = this.options;
    const down = this.state.downMilliseconds;
    const refused = this.propagation.isRefused(this.entity);
    const waits = refused && this.propagation.underway;
    if (down > BUS_DOWN_MILLISECONDS && !waits && !this.stopping) {
      const words = `nothing could be received for ${Math.round(down / 1000)} s: ${this.state.reason}`;
      return { words, code: refused ? ExitCode.Refused : ExitCode.NoProgress };
    }
    const stop = this.deliveries.oldestStop;
    if (stop !== undefined && clock.now() - stop > SINK_STUCK_MILLISECONDS) {
      const words = `the sink was told to stop ${Math.round((clock.now() - stop) / 1000)} s ago and has not returned`;
      return { words, code: ExitCode.NoProgress };
    }
    return undefined;
  }

  private watch(): void {
    const reason = this.noProgress();
    if (reason !== undefined) this.options.onNoProgress(reason.words, reason.code);
    else this.callOffWatch = this.options.clock.after(WATCH_MILLISECONDS, () => this.watch());
  }
}

function makeSuspects({ pipeline, logger, clock }: EngineOptions): Suspects {
  const { delivery, source } = pipeline;
  return new Suspects({
    after: suspectAfter(source.maxDeliveryCount, delivery.expectedRestarts),
    // With one message at a time nothing stands beside it.
    gatherMilliseconds: delivery.concurrency === 1 ? 0 : source.lockDurationSeconds * 500,
    waits: ({ messageId, sequenceNumber, traceId, deliveryCount }) => {
      const fields = { messageId, sequenceNumber, traceId, delivery: deliveryCount };
      logger.warn(fields, "more deliveries than restarts explain: it may be killing its workers, and is begun alone");
    },
    clock,
  });
}

function makeKeeper({ pipeline, metrics, logger, clock }: EngineOptions): LockKeeper {
  const { delivery, source } = pipeline;
  const times = {
    lockMilliseconds: source.lockDurationSeconds * 1000,
    maxProcessingMilliseconds: delivery.maxProcessingSeconds * 1000,
  };
  const events = {
    renewed: () => {
      metrics.lockRenewals.inc({ result: "renewed" });
      metrics.held.progressAt = clock.now();
    },
    renewalFailed: (error: unknown) => {
      metrics.lockRenewals.inc({ result: "failed" });
      logger.warn({ code: errorCode(error), description: errorText(error) }, "a lock was not renewed");
    },
  };
  return new LockKeeper(times, clock, events, isLockLost);
}
