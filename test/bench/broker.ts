import { durable } from "./broker/durable.js";
import { latency } from "./broker/latency.js";
import { memory } from "./broker/memory.js";
import { startTime } from "./broker/start.js";
import { throughput } from "./broker/throughput.js";
import { benchOf } from "./parts.js";

/**
 * The local broker with the real client: what it costs beside the client, how soon it answers, what it holds. Each part
 * measures in processes of their own on loopback, one after the other.
 */
export const broker = benchOf([throughput, latency, startTime, memory, durable]);
