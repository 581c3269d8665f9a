export { VOLUME_ANNOTATION } from "./access.js";
export * from "./args.js";
export { glusterViolations } from "./changes.js";
export { GlusterCluster } from "./glusterCluster.js";
export {
  type FragileZone,
  fragileZones,
  type GlusterPlan,
  type Hosts,
  MOUNT_ROOT,
  planCluster,
  proposeBricks,
} from "./plan.js";
export { glusterProblems } from "./validate.js";
