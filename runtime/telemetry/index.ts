export * from "./hooks.js";
export * from "./logger.js";
export * from "./metrics.js";
export * from "./server.js";
export * from "./trace.js";
