import { AuditDestination } from "../../contract/index.js";
import { GENESIS, newChain, type Position } from "./record.js";
import { type AuditTarget, type Continuation, unavailable } from "./target.js";

/** Takes whole lines, in order with the log's; resolves once the system has them. */
export type AppendLines = (lines: Buffer) => Promise<void>;

/**
 * Writes a chain to the worker's standard output, between the lines of its log. Whoever collects that output keeps it;
 * the worker cannot read it back, so that each start begins a chain of its own. After a failed write the next chain
 * says which one it follows.
 */
export class StreamTarget implements AuditTarget {
  readonly destination = AuditDestination.Stdout;
  readonly full = false;

  constructor(
    private readonly append: AppendLines,
    /** Where the chain stands that this process writes; undefined before its first record. */
    private readonly written: () => Position | undefined,
  ) {}

  async open(): Promise<Continuation> {
    const before = this.written();
    const begin = { chain: newChain(), sequence: 0, hash: GENESIS, open: [], torn: [] };
    return before === undefined ? begin : { ...begin, after: before };
  }

  async next(): Promise<void> {
    return;
  }

  async write(bytes: Buffer): Promise<void> {
    try {
      await this.append(bytes);
    } catch (error) {
      throw unavailable("standard output", error);
    }
  }

  /** What cannot be taken back cannot be tried out: the next record tells. */
  async probe(): Promise<void> {
    return;
  }

  async close(): Promise<void> {
    return;
  }
}
