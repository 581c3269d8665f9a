/** Where audit records go. */
export const AuditDestination = { Stdout: "stdout", File: "file" } as const;
export type AuditDestination = (typeof AuditDestination)[keyof typeof AuditDestination];

/** The append-only, hash-chained log of effects. */
export interface AuditSettings {
  /** The worker's standard output, beside its log lines, or files. */
  destination: AuditDestination;
  /** Folder of the files, absolute, on a volume that outlives the pod; with `file` only, and needed there. */
  directory?: string;
  /** After so many records the head of the chain is a log line and a metric, 1 to 1000000. */
  headEvery: number;
  /** Bytes of one file, 1 MiB (1048576) to 1 GiB, after which the next begins; with `file` only. */
  maxFileBytes: number;
}

/** What an audit is where only its destination is said. */
export const AUDIT_DEFAULTS = { headEvery: 1_000, maxFileBytes: 64 * 1024 * 1024 } as const;
