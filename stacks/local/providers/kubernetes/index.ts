export type { ObjectController } from "./controller.js";
export { KindRole, KNOWN_KINDS, type KnownKind } from "./kinds.js";
export { describeObject, type GroupVersionKind, type KubernetesObject, objectId } from "./object.js";
export type { Images, LocalImage } from "./pods/command.js";
export type { Pace } from "./pods/pace.js";
export { reapPods } from "./pods/records.js";
export { type Rewrite, RewriteKind } from "./pods/rewrite.js";
export type { PodSnapshot } from "./pods/runner.js";
export { createKubernetesStandIn, type KubernetesOptions, KubernetesStandIn } from "./standIn.js";
