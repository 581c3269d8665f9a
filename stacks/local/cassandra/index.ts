export { createRingController, type RingController, type RingControllerOptions } from "./controller.js";
export { cachedDistribution, type Distribution, fetchDistribution, javaHomeOf } from "./distribution.js";
export { CQL_PORT, nodeAddress } from "./nodeFiles.js";
export { planRing, type RingNode, type RingPlan } from "./plan.js";
export { RingKind } from "./rendered.js";
export { type CassandraRequirements, cassandraRequirements } from "./requirements.js";
export { type LocalRing, type NodeState, type RingOptions, startRing } from "./ring.js";
export { claimSubnet, type Subnet } from "./subnet.js";
export { CASSANDRA_VERSION } from "./version.js";
