export * from "./args.js";
export { entityChanges } from "./changes/bus.js";
export { queueChanges, ruleChanges, subscriptionChanges, topicChanges } from "./changes/entities.js";
export { namespaceChanges } from "./changes/namespace.js";
export { ChangeEffect, type ChangeViolation } from "./changes/violation.js";
export { serviceBusChanges } from "./changes/whole.js";
export { serviceBusNotices } from "./notices.js";
export { ServiceBus } from "./serviceBus.js";
export { serviceBusProblems } from "./validate.js";
