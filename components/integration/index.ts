export * from "./args.js";
export { Integration } from "./integration.js";
export { integrationProblems } from "./validate.js";
