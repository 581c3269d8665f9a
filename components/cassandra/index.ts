export * from "./args.js";
export { CassandraRing } from "./cassandraRing.js";
export { cassandraViolations, type RingPlan } from "./changes.js";
export {
  CQL_PORT,
  cleanName,
  needed,
  type RingShape,
  replicationWarnings,
  serviceName,
  survival,
  survivals,
} from "./plan.js";
export { cassandraProblems, replicaProblems } from "./validate.js";
