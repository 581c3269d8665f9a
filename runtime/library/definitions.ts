import type { Outcome, Pipeline, SinkContext, SinkMessage, StoreInfo } from "../contract/index.js";

/** Version of what a module of one's own and the worker say to each other. */
export const DEFINITION_VERSION = 1;
/** Under this key a definition says what it is. Registered by name, so that every copy of this code finds it. */
const BRAND: unique symbol = Symbol.for("stowage.runtime.definition");

/** What a module can define. */
export const DefinitionKind = { Sink: "sink", Job: "job" } as const;
export type DefinitionKind = (typeof DefinitionKind)[keyof typeof DefinitionKind];

/** Range of `batching`. */
const MAX_MESSAGES = 1_000;
const MAX_WAIT_MILLISECONDS = 1_000;
const NAME = /^[A-Za-z0-9][\w. -]{0,62}$/;

/** What says what a value is: `defineSink` and `defineJob` make it. */
interface Branded {
  readonly [BRAND]: { readonly kind: DefinitionKind; readonly version: number };
}

/** Writes a line of the worker's own log, with further fields. Never a body, a token or a password. */
export interface ModuleLog {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
}

/** What a sink of one's own starts with. */
export interface SinkStart<Options> {
  /** What its `options` made of the pipeline's settings. */
  options: Options;
  /** The pipeline, read-only. */
  pipeline: Pipeline;
  /** Name of the worker's pod: it belongs into what the sink writes, so that an effect can be traced to its writer. */
  worker: string;
  log: ModuleLog;
  /** Fires when the worker is told to end before the sink has started. */
  signal: AbortSignal;
}

/**
 * A sink of one's own: a batch of messages goes in, one outcome for each message comes out. The engine owns receiving,
 * concurrency, locks, settlement, sessions and time.
 *
 * `Options` is what `options` gives, `Store` what `start` gives: a client, a pool, a file.
 */
export interface SinkDefinition<Options, Store> {
  /** Shown in logs and errors: 1 to 63 letters, digits, `_`, `.`, `-` or spaces. @default "own sink" */
  name?: string;
  /** How messages are gathered: at most `maxMessages` a call (1 to 1000), waiting for so long (0 to 1000 ms). @default one a call */
  batching?: { maxMessages: number; maxWaitMilliseconds: number };
  /**
   * Reads and checks the pipeline's `sink.module.options`, all of it text. What it throws ends the worker with exit
   * status 2: an `InvalidInputError` with its problems, any other error with its message.
   * @default a sink without it takes no options, and refuses a pipeline that gives some
   */
  options?(given: { readonly [name: string]: string }): Options;
  /**
   * Connects. A `StowageError` with a code of one's own ends the worker with exit status 3 at once; any other error, and
   * the codes `StoreUnavailable`, `StoreTimeout` and `NotReady`, are tried again for two minutes, then exit status 4.
   */
  start?(start: SinkStart<Options>): Promise<Store> | Store;
  /**
   * Stores a batch and gives one outcome for each message, in the order given. The message counts as done when this
   * says so: the effect must be durable, and doing it again under the same `key` must change nothing. A throw is a
   * retry of the whole batch with `StoreUnavailable`, which stops the intake until `probe` succeeds.
   */
  process(batch: SinkMessage[], context: SinkContext, store: Store): Promise<Outcome[]>;
  /**
   * Throws where the store is not usable now. It decides readiness, and when intake goes on after an outage: let it do
   * what an effect does. @default a store that has started counts as usable
   */
  probe?(store: Store): Promise<void>;
  /** Lets go of the store, within five seconds. */
  stop?(store: Store): Promise<void> | void;
  /** Product and version of the store, for `stowage doctor`. */
  info?(store: Store): Promise<StoreInfo>;
}

/** A sink that was made for one pipeline: what the worker calls. */
export interface OwnSink {
  start(start: Omit<SinkStart<never>, "options">): Promise<void>;
  process(batch: SinkMessage[], context: SinkContext): Promise<Outcome[]>;
  probe(): Promise<void>;
  stop(): Promise<void>;
  /** Absent where the sink does not tell. */
  info?: () => Promise<StoreInfo>;
}

/** What `defineSink` makes: the default export of a module, or `sink` of `runWorker`. */
export interface SinkModule extends Branded {
  readonly name: string;
  readonly batching: { readonly maxMessages: number; readonly maxWaitMilliseconds: number };
  /** A sink with the settings of one pipeline. Throws what `options` throws. */
  create(options: { readonly [name: string]: string } | undefined): OwnSink;
}

/**
 * Defines a sink of one's own: the default export of the ES module that `pipeline.sink.module.path` names.
 * Throws a RangeError where name or batching are out of their ranges.
 */
export function defineSink<Options = undefined, Store = undefined>(
  definition: SinkDefinition<Options, Store>,
): SinkModule {
  const { name = "own sink", batching = { maxMessages: 1, maxWaitMilliseconds: 0 } } = definition;
  if (typeof definition.process !== "function")
    throw new RangeError("defineSink: process must be a function that gives one outcome for each message.");
  checkName("defineSink", name);
  checkRange("batching.maxMessages", batching.maxMessages, 1, MAX_MESSAGES);
  checkRange("batching.maxWaitMilliseconds", batching.maxWaitMilliseconds, 0, MAX_WAIT_MILLISECONDS);
  return {
    [BRAND]: { kind: DefinitionKind.Sink, version: DEFINITION_VERSION },
    name,
    batching: { ...batching },
    create: (given) => createSink(definition, readOptions(definition, given)),
  };
}

function readOptions<Options, Store>(
  { options, name = "own sink" }: SinkDefinition<Options, Store>,
  given: { readonly [name: string]: string } | undefined,
): Options {
  if (options !== undefined) return options(given ?? {});
  const names = Object.keys(given ?? {});
  if (names.length > 0) throw new Error(`the sink ${name} takes no options (found ${names.join(", ")})`);
  // A definition without `options` has undefined for its type.
  return undefined as Options;
}

function createSink<Options, Store>(definition: SinkDefinition<Options, Store>, options: Options): OwnSink {
  // Undefined until it has started; a sink without `start` has undefined for its store.
  let store = undefined as Store;
  const { info } = definition;
  return {
    start: async (start) => {
      store = (await definition.start?.({ ...start, options })) as Store;
    },
    process: (batch, context) => definition.process(batch, context, store),
    probe: async () => definition.probe?.(store),
    stop: async () => definition.stop?.(store),
    ...(info === undefined ? {} : { info: () => info.call(definition, store) }),
  };
}

/** What a job of one's own is called with, beside the message. */
export interface JobContext {
  /** Name of the pipeline. */
  pipeline: string;
  /** Grows with every run of this message, from 1. */
  attempt: number;
  /** Fires after the job's time limit, when the lock is lost, and when the process must end: stop, give nothing. */
  signal: AbortSignal;
}

/** What a job may give: its result's bytes, a text in UTF-8, or either piece by piece. */
export type JobOutput = Uint8Array | string | Iterable<Uint8Array | string> | AsyncIterable<Uint8Array | string>;

/** Makes the result of one message. It may run again after a crash; a stored result is never computed again. */
export type JobFunction = (message: SinkMessage, context: JobContext) => JobOutput | Promise<JobOutput>;

/** What `defineJob` makes: the default export of a module, or `job` of `runWorker`. */
export interface JobModule extends Branded {
  readonly name: string;
  readonly run: JobFunction;
}

/**
 * Defines a job of one's own: the default export of the ES module that `pipeline.sink.gluster.job.module` names. What it
 * gives becomes the result file, with the limits and the atomicity of a command's output. It runs in the worker's own
 * thread: long computing keeps locks from being renewed, and belongs into a command or a worker thread.
 */
export function defineJob(run: JobFunction, { name = "own job" }: { name?: string } = {}): JobModule {
  if (typeof run !== "function") throw new RangeError("defineJob: it takes a function of message and context.");
  checkName("defineJob", name);
  return { [BRAND]: { kind: DefinitionKind.Job, version: DEFINITION_VERSION }, name, run };
}

/** What a value says it is; undefined where no `defineSink` or `defineJob` made it. */
export function brandOf(value: unknown): { kind: unknown; version: unknown } | undefined {
  if (typeof value !== "object" || value === null || !(BRAND in value)) return undefined;
  const brand = value[BRAND];
  if (typeof brand !== "object" || brand === null || !("kind" in brand) || !("version" in brand)) return undefined;
  return { kind: brand.kind, version: brand.version };
}

function checkName(what: string, name: unknown): void {
  if (typeof name !== "string" || !NAME.test(name))
    throw new RangeError(
      `${what}: name must be 1 to 63 letters, digits, _, ., - or spaces, the first a letter or digit ` +
        `(found ${JSON.stringify(name)}).`,
    );
}

function checkRange(what: string, value: unknown, min: number, max: number): void {
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max)
    throw new RangeError(
      `defineSink: ${what} must be a whole number from ${min} to ${max} (found ${JSON.stringify(value)}).`,
    );
}
