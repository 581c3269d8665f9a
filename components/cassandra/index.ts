export { CQL_PORT } from "../../runtime/contract/index.js";
export { DEFAULT_ROTATION } from "../worker/cassandra/schedule.js";
export { type CassandraAccess, type CassandraTlsAccess, ringAccess } from "./access.js";
export * from "./args.js";
export { CassandraRing } from "./cassandraRing.js";
export { cassandraViolations, type RingPlan } from "./changes.js";
export { type ExistingRingArgs, type ExistingRingTlsArgs, existingRing } from "./existing.js";
export { ManagedCassandra, managedProblems } from "./managed.js";
export * from "./managedArgs.js";
export { CA_KEY, cleanName, READER_ROLE, type RingNames, ringNames, serviceName } from "./names.js";
export { replicationWarnings } from "./notices.js";
export {
  datacentersOf,
  keyspaceReplication,
  needed,
  type PlannedDatacenter,
  type Replicas,
  type RingShape,
  survival,
  survivals,
} from "./plan.js";
export { ringTableProblems } from "./tables.js";
export { cassandraProblems, replicaProblems } from "./validate.js";
