export { AuditLog, openAudit } from "./audit/index.js";
export * from "./hooks.js";
export * from "./logger.js";
export * from "./metrics.js";
export type { OpenOtlp } from "./otlp/open.js";
export { type Environment, type OtlpSettings, otlpSettings } from "./otlp/settings.js";
export * from "./server.js";
export * from "./trace.js";
