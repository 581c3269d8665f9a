export * from "./cassandra/index.js";
export * from "./gluster/index.js";
export * from "./identity/index.js";
export * from "./integration/index.js";
export * from "./linstor/index.js";
export * from "./servicebus/index.js";
export * from "./worker/index.js";
