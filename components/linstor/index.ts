export * from "./args.js";
export { type LinstorPlan, linstorViolations } from "./changes.js";
export { LinstorCluster } from "./linstorCluster.js";
export { CSI_DRIVER, fragileGroups, planClass, planGroups, ZONE_LABEL, ZONE_PROPERTY } from "./plan.js";
export { linstorProblems } from "./validate.js";
