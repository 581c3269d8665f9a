export * from "./args.js";
export { workerProblems } from "./validate.js";
export { Worker } from "./worker.js";
