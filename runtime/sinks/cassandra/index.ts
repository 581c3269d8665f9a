export { type FoundEntry, type FoundRow, RowLookup } from "./lookup.js";
export { expectedPartitionKey } from "./mapping.js";
export { applySchema } from "./schema.js";
export { createSink, type SinkOptions } from "./sink.js";
