export * from "./args.js";
export { cassandraEndpoint } from "./cassandra/endpoint.js";
export * from "./monitoringArgs.js";
export { workerProblems } from "./validate.js";
export { Worker } from "./worker.js";
