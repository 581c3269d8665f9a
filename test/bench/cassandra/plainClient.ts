import { Client, types } from "cassandra-driver";
import type { RingAddress } from "./jobs.js";
import type { Reading } from "./rows.js";

/** A client as the driver makes it where nothing is said: it routes by token. */
export function clientOf({ contactPoints, port, datacenter }: RingAddress): Client {
  return new Client({
    contactPoints,
    localDataCenter: datacenter,
    protocolOptions: { port },
    // As the worker's: a row's whole way, on a machine with too few cores, takes seconds now and then.
    socketOptions: { readTimeout: 12_000 },
  });
}

/** How a row is written: prepared, and acknowledged by a quorum. */
export const WRITE = { prepare: true, isIdempotent: true, consistency: types.consistencies.localQuorum } as const;

/** A reading as the values of its row, in the order of `COLUMNS`. */
export function valuesOf({ device, at, sequence, celsius, note }: Reading, id: types.Uuid): unknown[] {
  return [device, new Date(at), id, types.Long.fromNumber(sequence), celsius, note];
}
