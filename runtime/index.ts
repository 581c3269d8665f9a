/** `stowage/runtime`: sinks and jobs of one's own, and the worker as a library. */
export {
  CONTRACT_VERSION,
  type Connection,
  type DoneOutcome,
  ExitCode,
  InvalidInputError,
  type Outcome,
  type Pipeline,
  type PoisonOutcome,
  type Problem,
  problem,
  type Reply,
  type RetryOutcome,
  type SinkContext,
  type SinkMessage,
  type StoreInfo,
  StowageError,
} from "./contract/index.js";
export { type WorkerCommandOptions, workerCommand } from "./library/command.js";
export {
  defineJob,
  defineSink,
  type JobContext,
  type JobFunction,
  type JobModule,
  type JobOutput,
  type ModuleLog,
  type SinkDefinition,
  type SinkModule,
  type SinkStart,
} from "./library/definitions.js";
export { ModuleError } from "./library/modules.js";
export { done, poison, retry, SinkPoison, SinkRetry } from "./library/outcomes.js";
export { JobRefused } from "./library/refusal.js";
export { type RunWorkerOptions, runWorker } from "./library/run.js";
