/**
 * The parts of a LINSTOR return code: a signed 64-bit number of severity (bits 62 and 63), operation
 * (bits 24 and 25), subject (bits 18 to 23) and code (bits 0 to 14). It does not fit a JavaScript number.
 */
export const Severity = { Success: 0n, Info: 1n, Warning: 2n, Error: 3n } as const;
export type Severity = (typeof Severity)[keyof typeof Severity];

export const Operation = { None: 0n, Create: 0x1000000n, Modify: 0x2000000n, Delete: 0x3000000n } as const;
export type Operation = (typeof Operation)[keyof typeof Operation];

export const Subject = {
  None: 0n,
  Snapshot: 0x0c0000n,
  Controller: 0x100000n,
  StoragePool: 0x140000n,
  Volume: 0x2c0000n,
  VolumeDefinition: 0x300000n,
  Resource: 0x340000n,
  ResourceDefinition: 0x380000n,
  Node: 0x3c0000n,
  ResourceGroup: 0x440000n,
  VolumeGroup: 0x480000n,
} as const;
export type Subject = (typeof Subject)[keyof typeof Subject];

/** The codes that this stand-in answers with, by LINSTOR's own names. */
export const Code = {
  None: 0,
  Created: 1,
  Deleted: 2,
  Modified: 3,
  Authenticated: 9,
  InvalidNodeName: 200,
  InvalidResourceName: 202,
  InvalidVolumeSize: 206,
  InvalidStoragePoolName: 208,
  InvalidProperty: 213,
  InvalidKeyValueStoreName: 223,
  InvalidSnapshotName: 218,
  InvalidPlaceCount: 219,
  InvalidLayerStack: 225,
  InvalidProvider: 227,
  InvalidVolumeSizes: 228,
  InvalidResourceGroupName: 237,
  NotFoundNode: 300,
  NotFoundResourceDefinition: 301,
  NotFoundResource: 302,
  NotFoundVolumeDefinition: 303,
  NotFoundStoragePoolDefinition: 309,
  NotFoundStoragePool: 310,
  NotFoundSnapshot: 315,
  NotFoundKeyValueStore: 316,
  NotFoundResourceGroup: 317,
  NotFoundVolumeGroup: 318,
  ExistsNode: 500,
  ExistsResourceDefinition: 501,
  ExistsVolumeDefinition: 503,
  ExistsStoragePool: 510,
  ExistsSnapshot: 514,
  ExistsResourceGroup: 522,
  ExistsVolumeGroup: 523,
  NotAllUpToDate: 974,
  UndecidablePlacement: 985,
  NotEnoughNodes: 996,
  InUse: 997,
  Unknown: 998,
  NotConnected: 1002,
  AlreadyDeployed: 1006,
  AlreadyHasDisk: 1007,
  AlreadyDiskless: 1008,
  NoTieBreaker: 1013,
  SameSize: 1023,
  NotFound: 3000,
  NoResourceSpawned: 10000,
  PropertySet: 10002,
  TieBreakerCreated: 10003,
  TieBreakerTakeover: 10006,
  ResourceExists: 10008,
} as const;
export type Code = (typeof Code)[keyof typeof Code];

/** Answer to a body that is not JSON, or holds a field that LINSTOR does not know. */
export const PARSE_ERROR = BigInt.asIntN(64, (3n << 62n) | 0x0ffffffffffffffdn);

/** Puts a return code together. */
export function retCode(severity: Severity, operation: Operation, subject: Subject, code: number): bigint {
  return BigInt.asIntN(64, (severity << 62n) | operation | subject | BigInt(code));
}
