import { benchOf } from "./parts.js";
import { cold } from "./worker/cold.js";
import { memory } from "./worker/memory.js";
import { pair } from "./worker/pair.js";
import { throughput } from "./worker/throughput.js";

/**
 * The bundled worker, with a sink of one's own that does nothing, beside a bare loop of the unmodified client: what it
 * costs, what it holds, how soon it works, and what a second one adds.
 */
export const worker = benchOf([throughput, pair, cold, memory]);
