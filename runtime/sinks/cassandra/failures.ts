import { errors, types } from "cassandra-driver";
import { RetryCode, type RetryOutcome } from "../../contract/index.js";
import { describe } from "./client.js";

/** What a failed request means for its messages. */
export type Failure = RetryOutcome | { kind: "refused"; description: string };

const { responseErrorCodes: code } = types;

/** A lightweight transaction whose end is unknown: error 0x1700 of protocol 5, which the driver has no name for. */
const CAS_WRITE_UNKNOWN = 0x1700;
const TIMEOUTS: readonly number[] = [code.writeTimeout, code.readTimeout, CAS_WRITE_UNKNOWN];

/** Sorts a driver's error: the ring refuses the request as such, or another attempt may succeed. */
export function failureOf(error: unknown): Failure {
  if (error instanceof errors.ResponseError && error.code === code.invalid)
    return { kind: "refused", description: describe(error) };
  // What the driver cannot write into a request will not become writable.
  if (error instanceof TypeError || error instanceof RangeError)
    return { kind: "refused", description: describe(error) };
  const timedOut =
    error instanceof errors.OperationTimedOutError ||
    (error instanceof errors.ResponseError && TIMEOUTS.includes(error.code));
  return {
    kind: "retry",
    code: timedOut ? RetryCode.StoreTimeout : RetryCode.StoreUnavailable,
    description: `Cassandra: ${describe(error)}`,
  };
}
