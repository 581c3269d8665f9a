export { EngineBuildError, type EngineProgress } from "./build.js";
export { type Engine, type FindEngineOptions, findEngine, requireEngine } from "./find.js";
export type { PreviewDocument, PreviewStep } from "./preview.js";
export { type PreparedRun, type PrepareRunOptions, prepareRun } from "./project.js";
export { MissingRequirementError } from "./requirements.js";
export {
  EngineRunError,
  EngineStoppedError,
  type RunOptions,
  type StackResource,
  StackRun,
  type UpOptions,
} from "./stack.js";
