/** How bad an entry of an answer is: bits 62 and 63 of its return code. */
export const Severity = { Success: "success", Info: "info", Warning: "warning", Error: "error" } as const;
export type Severity = (typeof Severity)[keyof typeof Severity];

const SEVERITIES = [Severity.Success, Severity.Info, Severity.Warning, Severity.Error] as const;

/** A LINSTOR return code, taken apart. */
export interface ReturnCode {
  severity: Severity;
  /** What was done: 0 nothing, 1 create, 2 modify, 3 delete (bits 24 and 25). */
  operation: number;
  /** What it was done to (bits 18 to 23): 0x340000 is a resource, 0x380000 a resource definition. */
  subject: number;
  /** The code proper, 0 to 32767 (bits 0 to 14). */
  code: number;
}

/** Takes a return code apart. It is a signed 64-bit number, which a JavaScript number cannot hold: 500 would read as 512. */
export function decodeReturnCode(value: bigint): ReturnCode {
  const bits = BigInt.asUintN(64, value);
  return {
    severity: SEVERITIES[Number(bits >> 62n)] ?? Severity.Error,
    operation: Number((bits >> 24n) & 3n),
    subject: Number(bits & 0xfc0000n),
    code: Number(bits & 0x7fffn),
  };
}

/** The codes that the sink tells apart, by LINSTOR's own names. */
export const Code = {
  NotFoundNode: 300,
  NotFoundResourceDefinition: 301,
  NotFoundStoragePool: 310,
  NotFoundKeyValueStore: 316,
  NotFoundResourceGroup: 317,
  ExistsResourceDefinition: 501,
  ExistsSnapshotDefinition: 514,
  ExistsResourceGroup: 522,
  ExistsVolumeGroup: 523,
  NotEnoughFreeSpace: 980,
  UndecidablePlacement: 985,
  UnsupportedLayer: 988,
  UnsupportedProvider: 989,
  NotEnoughPeerSlots: 993,
  SnapshotsNotSupported: 994,
  NotEnoughNodes: 996,
  InUse: 997,
  Unknown: 998,
} as const;

/** Codes from 900 that the same command meets again however often it is tried. */
const LASTING: ReadonlySet<number> = new Set([
  Code.NotEnoughFreeSpace,
  Code.UndecidablePlacement,
  Code.UnsupportedLayer,
  Code.UnsupportedProvider,
  Code.NotEnoughPeerSlots,
  Code.SnapshotsNotSupported,
  Code.NotEnoughNodes,
  Code.InUse,
]);

/**
 * True for an error that no further attempt mends: something is invalid (200 to 299), missing (300 to 399), denied
 * (400 to 499) or there already (500 to 599), numbers are used up (800 to 899), or one of the lasting ones above.
 * Missing (310) and "not enough nodes" (996) are what LINSTOR says of a node that is away, too: look at the nodes first.
 */
export function isLasting(code: number): boolean {
  return (code >= 200 && code < 600) || (code >= 800 && code < 900) || LASTING.has(code);
}
