export { LinstorController } from "./controller.js";
export { Connection, Device } from "./model.js";
export { type Fault, FaultAction } from "./server.js";
export {
  createLinstorStandIn,
  type Injections,
  type LinstorStandIn,
  type LinstorStandInOptions,
  type MachineNode,
  type VolumeInfo,
} from "./standIn.js";
