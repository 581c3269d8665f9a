import type { Outcome, Pipeline, Sink, SinkContext, SinkMessage, StoreInfo } from "../../contract/index.js";
import type { ModuleLog, OwnSink, SinkModule } from "../../library/definitions.js";
import { checkedOutcomes } from "../../library/outcomes.js";

/** How long a sink of one's own may take to let go of its store, in milliseconds. */
export const STOP_MILLISECONDS = 5_000;

/** What an own sink starts with, beside its options. */
export interface ModuleSinkSetup {
  pipeline: Pipeline;
  worker: string;
  log: ModuleLog;
}

/** A sink of one's own, as the engine calls it: what it gives is checked before it counts. */
export class ModuleSink implements Sink {
  readonly batching: { maxMessages: number; maxWaitMilliseconds: number };
  /** Absent where the own sink does not tell. */
  readonly info?: () => Promise<StoreInfo>;
  private started = false;

  constructor(
    private readonly module: SinkModule,
    private readonly own: OwnSink,
    private readonly setup: ModuleSinkSetup,
  ) {
    this.batching = { ...module.batching };
    if (own.info !== undefined) this.info = own.info;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { log } = this.setup;
    log.info("own sink starts", { name: this.module.name });
    await this.own.start({ ...this.setup, signal });
    this.started = true;
  }

  async process(batch: SinkMessage[], context: SinkContext): Promise<Outcome[]> {
    const given: unknown = await this.own.process(batch, context);
    return checkedOutcomes(given, batch.length, this.module.name);
  }

  probe(): Promise<void> {
    return this.own.probe();
  }

  /** Rejects where the sink does not let go within five seconds: the process must be able to end. */
  async stop(): Promise<void> {
    if (!this.started) return;
    this.started = false;
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_, reject) => {
      const words = `the sink ${this.module.name} did not stop within ${STOP_MILLISECONDS / 1000} s`;
      timer = setTimeout(() => reject(new Error(words)), STOP_MILLISECONDS);
    });
    try {
      await Promise.race([this.own.stop(), limit]);
    } finally {
      clearTimeout(timer);
    }
  }
}
