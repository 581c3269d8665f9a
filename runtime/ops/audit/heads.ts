import { InvalidInputError, problem } from "../../contract/index.js";
import type { AuditRecord } from "../../telemetry/audit/record.js";
import type { ChainCheck } from "./chain.js";

/** A head that was exported: the hash of a record, and where it stood, where that is known. */
export interface ExportedHead {
  hash: string;
  sequence?: number;
}

/** What became of a head. */
export interface HeadResult {
  head: ExportedHead;
  /** The chain that it stands in, and its place there; absent where it is not found. */
  chain?: string;
  sequence?: number;
  /** Why it is not found. */
  reason?: string;
}

const HEAD = /^(?:(\d{1,15}):)?([0-9a-f]{64})$/;

/** Reads `HASH` or `SEQUENCE:HASH`. Throws an InvalidInputError. */
export function parseHead(text: string, option = "--head"): ExportedHead {
  const [, sequence, hash] = HEAD.exec(text.toLowerCase()) ?? [];
  if (hash === undefined)
    throw new InvalidInputError("Invalid input", [
      problem(
        option,
        text,
        "must be 64 hexadecimal digits, or SEQUENCE:HASH",
        "Copy auditHead and auditSequence from the worker's log, or the labels of stowage_audit_head_info",
      ),
    ]);
  return sequence === undefined ? { hash } : { hash, sequence: Number(sequence) };
}

/** Looks for heads among the records. */
export class Heads {
  private readonly found = new Map<ExportedHead, AuditRecord>();
  /** Heads in whose place another record stands. */
  private readonly replaced = new Map<ExportedHead, AuditRecord>();

  constructor(private readonly wanted: readonly ExportedHead[]) {}

  /** Takes a record that follows from all before it. */
  take(record: AuditRecord): void {
    for (const head of this.wanted) {
      const here = head.sequence === undefined || head.sequence === record.sequence;
      if (here && record.hash === head.hash) this.found.set(head, record);
      else if (head.sequence === record.sequence) this.replaced.set(head, record);
    }
  }

  results(chains: readonly ChainCheck[]): HeadResult[] {
    return this.wanted.map((head) => {
      const record = this.found.get(head);
      if (record !== undefined) return { head, chain: record.chain, sequence: record.sequence };
      return { head, reason: this.absence(head, chains) };
    });
  }

  private absence(head: ExportedHead, chains: readonly ChainCheck[]): string {
    const other = this.replaced.get(head);
    if (other !== undefined)
      return `sequence ${head.sequence} of chain ${other.chain} has another hash: the chain was recomputed, or the head is of another one`;
    const reach = chains.map(({ chain, last }) => `${chain} ends at ${last.sequence}`).join(", ");
    return head.sequence === undefined
      ? `no record has this hash: the chain was cut before it, or recomputed, or the head is of another chain (${reach})`
      : `no chain holds together up to sequence ${head.sequence}: it was cut before it (${reach})`;
  }
}
