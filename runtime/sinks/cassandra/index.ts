export { READER_ROLE, rolesOf } from "./access/roles.js";
export type { Rotation } from "./access/rotation.js";
export {
  type ApplyOptions,
  applySchema,
  diffSchema,
  type RotateOptions,
  rotateRole,
  statementsOf,
} from "./administer.js";
export { type FoundEntry, type FoundRow, RowLookup } from "./lookup.js";
export { expectedPartitionKey } from "./mapping.js";
export { type Change, changeLine } from "./schema/plan.js";
export { createSink, type SinkOptions } from "./sink.js";
