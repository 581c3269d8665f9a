import {
  type EarlySinkContext,
  type Outcome,
  RetryCode,
  type Sink,
  type SinkContext,
  type SinkMessage,
} from "../contract/index.js";
import type { Clock } from "../support/clock.js";
import type { Audit, StoreTracing, Tracing, WorkerMetrics } from "../telemetry/index.js";
import { errorText } from "./errors.js";
import { StopOfAll, type Stoppable } from "./stopOfAll.js";

/** One message that waits for its outcome. */
interface Waiting {
  message: SinkMessage;
  work: Stoppable;
  settle(outcome: Outcome): void;
  /** True once it has its outcome. */
  over?: boolean;
}

/** What a sink is called with. What most sinks never look at is made when they do. */
class CallContext implements EarlySinkContext {
  /** How the sink's calls of the store become spans, where they do. */
  store: StoreTracing | undefined = undefined;

  constructor(
    private readonly batcher: Batcher,
    private readonly work: Pick<Stoppable, "signal">,
    readonly attempt: number,
    /** Takes an outcome before the call is over; absent where they are taken together. */
    readonly settled?: EarlySinkContext["settled"],
  ) {}

  get signal(): AbortSignal {
    return this.work.signal;
  }

  get call(): SinkContext["call"] {
    return (operation, run) => this.batcher.call(operation, run, this.store);
  }
}

interface OpenBatch {
  waiting: Waiting[];
  callOff(): void;
}

/** What a batcher needs. */
export interface BatcherOptions {
  sink: Pick<Sink, "process" | "batching">;
  clock: Clock;
  /** Messages that can be with the batcher at once; with that many there is nothing to wait for. */
  capacity: number;
  metrics: Pick<WorkerMetrics, "sinkSeconds" | "batchMessages" | "storeCalls">;
  tracing?: Tracing | undefined;
  audit?: Audit | undefined;
}

/**
 * Gathers messages for the sink: as many as it takes at once, or as come within its waiting time. A batch goes
 * early when every message that could join it is here already. Only first attempts are gathered: what failed
 * goes alone, so that one message that the sink chokes on does not use up its neighbours' attempts.
 */
export class Batcher {
  private open: OpenBatch | undefined;
  private present = 0;

  constructor(private readonly options: BatcherOptions) {}

  /** The sink's outcome for one message. Never rejects: what the sink throws is a retry. */
  submit(message: SinkMessage, attempt: number, work: Stoppable): Promise<Outcome> {
    const { maxMessages } = this.options.sink.batching;
    this.present++;
    if (maxMessages <= 1 || attempt > 1) return this.alone(message, attempt, work);
    return new Promise<Outcome>((settle) => this.add({ message, work, settle }));
  }

  private async alone(message: SinkMessage, attempt: number, work: Stoppable): Promise<Outcome> {
    const outcomes = await this.audited([message], new CallContext(this, work, attempt));
    this.present--;
    return outcomes[0] ?? missing(0, 1);
  }

  private add(waiting: Waiting): void {
    const { maxMessages, maxWaitMilliseconds } = this.options.sink.batching;
    this.open ??= { waiting: [], callOff: this.options.clock.after(maxWaitMilliseconds, () => this.close()) };
    this.open.waiting.push(waiting);
    if (this.open.waiting.length >= maxMessages || this.present >= this.options.capacity) this.close();
  }

  private close(): void {
    const batch = this.open;
    if (batch === undefined) return;
    this.open = undefined;
    batch.callOff();
    void this.run(batch.waiting);
  }

  private async run(batch: Waiting[]): Promise<void> {
    const stop = new StopOfAll(batch.map((w) => w.work));
    const messages = batch.map((w) => w.message);
    const over = (waiting: Waiting, outcome: Outcome): void => {
      if (waiting.over === true) return;
      waiting.over = true;
      this.present--;
      waiting.settle(outcome);
    };
    let byMessage: Map<SinkMessage, Waiting> | undefined;
    const early = (message: SinkMessage, outcome: Outcome): void => {
      byMessage ??= new Map(batch.map((waiting) => [waiting.message, waiting]));
      const waiting = byMessage.get(message);
      if (waiting === undefined) return;
      stop.leave(waiting.work);
      over(waiting, outcome);
    };
    const context = new CallContext(this, stop, 1, this.options.audit === undefined ? early : undefined);
    const outcomes = await this.audited(messages, context);
    stop.release();
    for (const [i, waiting] of batch.entries()) over(waiting, outcomes[i] ?? missing(outcomes.length, batch.length));
  }

  /** Nothing is done whose intent was not written, and nothing settled whose outcome was not. */
  private audited(messages: SinkMessage[], context: CallContext): Promise<Outcome[]> {
    const { audit } = this.options;
    return audit === undefined ? this.measured(messages, context) : this.recorded(audit, messages, context);
  }

  private async recorded(audit: Audit, messages: SinkMessage[], context: CallContext): Promise<Outcome[]> {
    try {
      await audit.intent(messages, context.attempt);
      const outcomes = await this.measured(messages, context);
      await audit.outcomes(messages, outcomes);
      return outcomes;
    } catch (error) {
      const description = `the audit: ${errorText(error)}`;
      return messages.map(() => ({ kind: "retry", code: RetryCode.AuditUnavailable, description }));
    }
  }

  private async measured(messages: SinkMessage[], context: CallContext): Promise<Outcome[]> {
    const { metrics, clock, tracing } = this.options;
    const began = clock.now();
    let outcomes: Outcome[];
    try {
      outcomes = await (tracing !== undefined && followsAny(tracing, messages)
        ? this.traced(tracing, messages, context)
        : this.options.sink.process(messages, context));
    } catch (error) {
      const outcome = unavailable(errorText(error));
      outcomes = messages.map(() => outcome);
    }
    metrics.sinkSeconds.observe((clock.now() - began) / 1000);
    metrics.batchMessages.observe(messages.length);
    return outcomes;
  }

  private traced(tracing: Tracing, messages: SinkMessage[], context: CallContext): Promise<Outcome[]> {
    return tracing.process(messages, async (store) => {
      context.store = store;
      try {
        return await this.options.sink.process(messages, context);
      } catch (error) {
        const outcome = unavailable(errorText(error));
        return messages.map(() => outcome);
      }
    });
  }

  /** Makes one call of the store and measures it; as a span where `store` is given. */
  async call<T>(operation: string, run: () => Promise<T>, store: StoreTracing | undefined): Promise<T> {
    const { metrics, clock } = this.options;
    const began = clock.now();
    let result = "failed";
    try {
      const answer = await (store === undefined ? run() : store(operation, run));
      result = "ok";
      return answer;
    } finally {
      metrics.storeCalls.observe({ operation, result }, (clock.now() - began) / 1000);
    }
  }
}

/** A loop: this is asked of every call, and the answer is no for nearly all. */
function followsAny(tracing: Tracing, messages: SinkMessage[]): boolean {
  for (const message of messages) if (tracing.follows(message)) return true;
  return false;
}

function missing(outcomes: number, messages: number): Outcome {
  return unavailable(`the sink gave ${outcomes} outcomes for ${messages} messages`);
}

function unavailable(description: string): Outcome {
  return { kind: "retry", code: RetryCode.StoreUnavailable, description };
}
