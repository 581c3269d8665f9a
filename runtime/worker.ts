import { type Bus, Engine, type EngineOptions, openBus, systemClock, type TokenEvents, within } from "./bus/index.js";
import { type Connection, ExitCode, type Pipeline, type Sink, StowageError, sinkKind } from "./contract/index.js";
import type { JobModule, ModuleLog, SinkModule } from "./library/definitions.js";
import { createSink } from "./sinks/index.js";
import { startSink } from "./start.js";
import {
  type AuditLog,
  createMetrics,
  type Health,
  type ListenAddress,
  type Log,
  type OpenOtlp,
  type OtlpSettings,
  openAudit,
  type RunningServer,
  serve,
  type WorkerMetrics,
} from "./telemetry/index.js";

/** What a worker runs with. */
export interface WorkerSetup {
  pipeline: Pipeline;
  connection: Connection;
  listen: ListenAddress;
  /** Name of the pod. */
  worker: string;
  log: Log;
  /** The sink of one's own, or the job, where the program brings it. @default loaded from the pipeline's path */
  sink?: SinkModule | undefined;
  job?: JobModule | undefined;
  /** What is exported over OTLP. @default nothing */
  otlp?: OtlpSettings | undefined;
}

/** How long a start that is told to stop may take to end, in milliseconds: nothing was received yet. */
const START_END_MILLISECONDS = 3_000;
/** What is left of the grace period where nothing more can be received, in milliseconds. */
const NO_PROGRESS_GRACE_MILLISECONDS = 2_000;
/** How long the sink may take to let go of its store, in milliseconds; one of one's own is told after 5 s. */
const SINK_STOP_MILLISECONDS = 6_000;

/** One worker: one process, one pipeline. */
export class Worker {
  private readonly metrics: WorkerMetrics;
  private readonly starting = new AbortController();
  private engine: Engine | undefined;
  private sink: Sink | undefined;
  private audit: AuditLog | undefined;
  private server: RunningServer | undefined;
  private otlp: OpenOtlp | undefined;
  private begun: Promise<ExitCode | undefined> | undefined;
  private finish: (code: ExitCode) => void = () => undefined;

  constructor(private readonly setup: WorkerSetup) {
    this.metrics = createMetrics({ pipeline: setup.pipeline.name, sink: sinkKind(setup.pipeline) });
  }

  /** Runs until it is stopped or cannot go on; resolves with the exit status, and leaves nothing running. */
  async run(): Promise<ExitCode> {
    const ended = new Promise<ExitCode>((resolve) => {
      this.finish = resolve;
    });
    const begun = this.begin();
    this.begun = begun;
    try {
      return await Promise.race([begun.then((failure) => failure ?? ended), ended]);
    } finally {
      await this.end();
    }
  }

  /** Stops intake, finishes or gives back what is in work within the grace period, and ends `run` with 0. */
  async stop(signal: string): Promise<void> {
    const { logger } = this.setup.log;
    logger.info({ signal }, "stopping");
    this.starting.abort();
    await this.startEnded();
    const empty = (await this.engine?.stop()) ?? true;
    if (!empty) logger.error("the grace period is over and work has not ended: its messages come again");
    logger.info("stopped");
    this.finish(ExitCode.Ok);
  }

  /** What fails meanwhile is told by `run`. */
  private async startEnded(): Promise<void> {
    const settled = Promise.resolve(this.begun).catch(() => undefined);
    const late = "the start has not ended: the process ends without it";
    await within(systemClock, START_END_MILLISECONDS, settled, late).catch((error: unknown) =>
      this.note(error, "start"),
    );
  }

  private async end(): Promise<void> {
    await this.engine?.stop(NO_PROGRESS_GRACE_MILLISECONDS);
    await this.server?.close();
    await this.stopSink().catch((error: unknown) => this.note(error, "the sink did not stop"));
    // What became of the last messages is exported, too.
    await Promise.all([this.otlp?.tracing?.close(), this.otlp?.close()]);
    await this.audit?.close();
  }

  private async stopSink(): Promise<void> {
    const words = `the sink did not stop within ${SINK_STOP_MILLISECONDS / 1000} s`;
    await within(systemClock, SINK_STOP_MILLISECONDS, this.sink?.stop() ?? Promise.resolve(), words);
  }

  private async begin(): Promise<ExitCode | undefined> {
    const { pipeline, log } = this.setup;
    try {
      this.server = await serve(this.setup.listen, {
        live: () => this.engine?.live() ?? { ok: true, reason: "starting" },
        ready: () => this.ready(),
        metrics: async () => ({
          contentType: this.metrics.registry.contentType,
          text: await this.metrics.registry.metrics(),
        }),
      });
    } catch (error) {
      this.note(error, "the address to listen on cannot be had");
      return ExitCode.MissingRequirement;
    }
    const { host, port } = this.server.address;
    log.logger.info({ address: `${host}:${port}` }, "listening");
    log.flush();
    this.otlp = await this.openOtlp();
    this.sink = await this.createSink();
    if (this.sink === undefined) return ExitCode.MissingRequirement;
    const failure = await startSink(this.sink, this.starting.signal, systemClock, (error) => {
      this.metrics.storeUp.set(0);
      this.note(error, "the sink cannot start");
    });
    if (failure !== undefined || this.starting.signal.aborted) return failure;
    if (!(await this.openAudit())) return ExitCode.MissingRequirement;
    const verification = await verificationOf(pipeline);
    const bus = await this.open();
    if (bus === undefined) return ExitCode.MissingRequirement;
    // From here to the engine's start nothing waits: what is told to stop later stops the engine.
    if (this.starting.signal.aborted) {
      await bus.close();
      return undefined;
    }
    this.engine = new Engine({
      pipeline,
      sink: this.sink,
      bus,
      metrics: this.metrics,
      logger: log.logger,
      audit: this.audit,
      ...verification,
      tracing: this.otlp?.tracing,
      clock: systemClock,
      random: Math.random,
      onNoProgress: (reason, code) => {
        log.logger.fatal({ reason, code }, "no progress: the process ends, so that a new one can start afresh");
        this.finish(code);
      },
    });
    this.engine.start();
    return undefined;
  }

  /** The sink; undefined where a module of one's own cannot be taken, which is in the log. */
  private async createSink(): Promise<Sink | undefined> {
    const { pipeline, connection, worker, log, sink, job } = this.setup;
    try {
      return await createSink({ pipeline, connection, worker, sink, job, log: moduleLog(log), metrics: this.metrics });
    } catch (error) {
      if (!(error instanceof StowageError)) throw error;
      this.note(error, "the sink cannot be made");
      return undefined;
    }
  }

  /** Opens the audit where the pipeline keeps one; false where it cannot be written, which is in the log. */
  private async openAudit(): Promise<boolean> {
    const { pipeline, connection, worker, log } = this.setup;
    const { metrics } = this;
    try {
      this.audit = await openAudit({
        ...{ pipeline, connection, worker, metrics, append: log.append },
        logger: log.logger,
        clock: systemClock,
      });
      return true;
    } catch (error) {
      if (!(error instanceof StowageError)) throw error;
      this.note(error, "the audit cannot be opened");
      return false;
    }
  }

  /** What exports over OTLP, where the environment asks for it; only then is any of OpenTelemetry loaded. */
  private async openOtlp(): Promise<OpenOtlp | undefined> {
    const { pipeline, connection, worker, log, otlp } = this.setup;
    if (otlp?.traces === undefined && otlp?.metrics === undefined) return undefined;
    const { openOtlp } = await import("./telemetry/otlp/open.js");
    const { registry } = this.metrics;
    const host = connection.serviceBus.fullyQualifiedNamespace;
    return openOtlp(otlp, { pipeline, host, worker, registry, logger: log.logger });
  }

  /** The bus; undefined where there is nothing to log in with, which is in the log. */
  private async open(): Promise<Bus | undefined> {
    try {
      return await openBus(this.setup.connection, this.setup.pipeline, this.tokenEvents());
    } catch (error) {
      if (!(error instanceof StowageError)) throw error;
      this.note(error, "the bus cannot be opened");
      return undefined;
    }
  }

  private tokenEvents(): TokenEvents {
    const { metrics } = this;
    const { logger } = this.setup.log;
    return {
      refreshed: (expiresAt) => {
        metrics.held.tokenExpiresAt = expiresAt;
        metrics.tokenExpires.set((expiresAt - systemClock.now()) / 1000);
        metrics.tokenRefreshes.inc({ result: "ok" });
        logger.info({ expiresAt: new Date(expiresAt).toISOString() }, "access token refreshed");
      },
      failed: (description) => {
        metrics.tokenRefreshes.inc({ result: "failed" });
        logger.error({ description }, "no new access token: the one in use holds until it expires");
      },
    };
  }

  private async ready(): Promise<Health> {
    return this.engine === undefined ? { ok: false, reason: "starting" } : this.engine.ready();
  }

  private note(error: unknown, what: string): void {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    this.setup.log.logger.error({ code, description: error instanceof Error ? error.message : String(error) }, what);
  }
}

/** How messages' producers are verified, where the pipeline asks for it. */
async function verificationOf({
  producers,
  source,
}: Pipeline): Promise<Pick<EngineOptions, "verify" | "probeVerification">> {
  const rules = producers?.requireSignature;
  if (rules === undefined) return {};
  const { ProducerVerifier } = await import("./producer/verification/index.js");
  const verifier = new ProducerVerifier({ rules, source });
  return { verify: (message) => verifier.verify(message), probeVerification: () => verifier.probe() };
}

/** The log as a module of one's own sees it: its lines are marked as the module's. */
function moduleLog({ logger }: Log): ModuleLog {
  const own = logger.child({ from: "module" });
  return {
    debug: (message, fields = {}) => own.debug(fields, message),
    info: (message, fields = {}) => own.info(fields, message),
    warn: (message, fields = {}) => own.warn(fields, message),
    error: (message, fields = {}) => own.error(fields, message),
  };
}
