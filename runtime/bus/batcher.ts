import { type Outcome, RetryCode, type Sink, type SinkContext, type SinkMessage } from "../contract/index.js";
import type { Audit, StoreTracing, Tracing, WorkerMetrics } from "../telemetry/index.js";
import type { Clock } from "./clock.js";
import { errorText } from "./errors.js";

/** Work that can be told to stop. Its signal is made when first asked for: most sinks never look. */
export interface Stoppable {
  readonly signal: AbortSignal;
}

/** One message that waits for its outcome. */
interface Waiting {
  message: SinkMessage;
  work: Stoppable;
  settle(outcome: Outcome): void;
}

/** What a sink is called with, and how its calls of the store become spans where they do. */
interface BatchContext extends SinkContext {
  store: StoreTracing | undefined;
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
  async submit(message: SinkMessage, attempt: number, work: Stoppable): Promise<Outcome> {
    this.present++;
    try {
      return await new Promise<Outcome>((settle) => this.add({ message, work, settle }, attempt));
    } finally {
      this.present--;
    }
  }

  private add(waiting: Waiting, attempt: number): void {
    const { maxMessages, maxWaitMilliseconds } = this.options.sink.batching;
    if (maxMessages <= 1 || attempt > 1) return void this.run([waiting], attempt);
    this.open ??= { waiting: [], callOff: this.options.clock.after(maxWaitMilliseconds, () => this.close()) };
    this.open.waiting.push(waiting);
    if (this.open.waiting.length >= maxMessages || this.present >= this.options.capacity) this.close();
  }

  private close(): void {
    const batch = this.open;
    if (batch === undefined) return;
    this.open = undefined;
    batch.callOff();
    void this.run(batch.waiting, 1);
  }

  private async run(batch: Waiting[], attempt: number): Promise<void> {
    const stop = signalOfAll(batch.map((w) => w.work));
    const messages = batch.map((w) => w.message);
    const outcomes = await this.audited(messages, this.contextOf(stop, attempt));
    stop.release();
    for (const [i, waiting] of batch.entries()) {
      const missing = `the sink gave ${outcomes.length} outcomes for ${batch.length} messages`;
      waiting.settle(outcomes[i] ?? unavailable(missing));
    }
  }

  /** Nothing is done whose intent was not written, and nothing settled whose outcome was not. */
  private async audited(messages: SinkMessage[], context: BatchContext): Promise<Outcome[]> {
    const { audit } = this.options;
    if (audit === undefined) return this.measured(messages, context);
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

  private async measured(messages: SinkMessage[], context: BatchContext): Promise<Outcome[]> {
    const { metrics, clock, tracing } = this.options;
    const began = clock.now();
    const run = (store?: StoreTracing): Promise<Outcome[]> => {
      context.store = store;
      return this.process(messages, context);
    };
    const outcomes = await (tracing === undefined ? run() : tracing.process(messages, run));
    metrics.sinkSeconds.observe((clock.now() - began) / 1000);
    metrics.batchMessages.observe(messages.length);
    return outcomes;
  }

  private async process(messages: SinkMessage[], context: SinkContext): Promise<Outcome[]> {
    try {
      return await this.options.sink.process(messages, context);
    } catch (error) {
      const outcome = unavailable(errorText(error));
      return messages.map(() => outcome);
    }
  }

  private contextOf(stop: Stoppable, attempt: number): BatchContext {
    const context: BatchContext = {
      get signal() {
        return stop.signal;
      },
      attempt,
      store: undefined,
      call: (operation, run) => this.call(operation, run, context.store),
    };
    return context;
  }

  private async call<T>(operation: string, run: () => Promise<T>, store: StoreTracing | undefined): Promise<T> {
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

function unavailable(description: string): Outcome {
  return { kind: "retry", code: RetryCode.StoreUnavailable, description };
}

/**
 * Fires when all of the signals have: one message that has lost its lock must not stop the others of its batch.
 * The one message's own signal where there is only one.
 */
function signalOfAll(works: Stoppable[]): Stoppable & { release(): void } {
  const [only] = works;
  if (only !== undefined && works.length === 1)
    return {
      get signal() {
        return only.signal;
      },
      release: () => undefined,
    };
  const signals = works.map((work) => work.signal);
  const controller = new AbortController();
  let left = signals.length;
  const fired = (event: { target: unknown }): void => {
    left--;
    if (left === 0) controller.abort(event.target instanceof AbortSignal ? event.target.reason : undefined);
  };
  for (const signal of signals) {
    if (signal.aborted) fired({ target: signal });
    else signal.addEventListener("abort", fired, { once: true });
  }
  const release = (): void => {
    for (const signal of signals) signal.removeEventListener("abort", fired);
  };
  return { signal: controller.signal, release };
}
