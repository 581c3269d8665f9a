/** What a statement is, as `stowage_store_call_seconds` and the spans name it: all values that the label takes. */
export const CassandraOperation = {
  /** The lightweight transaction that claims a message id in the ledger. */
  Claim: "claim",
  /** Rows of one partition, alone or as a batch. */
  Write: "write",
  /** After a refused row: whether the table is still as it was. */
  CheckSchema: "check_schema",
} as const;
export type CassandraOperation = (typeof CassandraOperation)[keyof typeof CassandraOperation];
