import { errors, types } from "cassandra-driver";
import { RetryCode, type RetryOutcome } from "../../contract/index.js";
import { isLoginError } from "./access/connectFailure.js";
import { describe } from "./describe.js";

/** What a failed request means for its messages. */
export type Failure = Retryable | Refused;

/** Another attempt may succeed. */
export interface Retryable extends RetryOutcome {
  /** True where there may simply be too much to do: fewer requests at once are the answer. */
  strain: boolean;
}

/** The request is refused as such: another one like it would be, too. */
export interface Refused {
  kind: "refused";
  description: string;
}

const { responseErrorCodes: code } = types;

/** A lightweight transaction whose end is unknown: error 0x1700 of protocol 5, which the driver has no name for. */
const CAS_WRITE_UNKNOWN = 0x1700;

/** What the ring answers with, by its code: all that is not here is StoreUnavailable without strain. */
const RETRIES: { [code: number]: { code: RetryCode; strain: boolean } } = {
  [code.writeTimeout]: { code: RetryCode.StoreTimeout, strain: true },
  [code.readTimeout]: { code: RetryCode.StoreTimeout, strain: true },
  [CAS_WRITE_UNKNOWN]: { code: RetryCode.StoreTimeout, strain: true },
  [code.overloaded]: { code: RetryCode.StoreOverloaded, strain: true },
  [code.unavailableException]: { code: RetryCode.StoreUnavailable, strain: true },
  [code.isBootstrapping]: { code: RetryCode.StoreUnavailable, strain: true },
};

/** A frame above the server's limit: the one protocol error that is the request's own fault. */
const TOO_BIG = /too big|too large|exceeds? (?:the )?maximum/i;

/** Sorts a driver's error: the ring refuses the request as such, or another attempt may succeed. */
export function failureOf(error: unknown): Failure {
  // What the driver cannot write into a request will not become writable.
  if (error instanceof TypeError || error instanceof RangeError)
    return { kind: "refused", description: describe(error) };
  if (error instanceof errors.OperationTimedOutError) return retry(RetryCode.StoreTimeout, error, true);
  const told = [error, ...innerErrors(error)];
  for (const each of told) {
    if (isLoginError(each))
      return retry(
        RetryCode.StoreUnavailable,
        error,
        false,
        "The password is refused: the role's is not the ring's, or is just being rotated. ",
      );
    if (each instanceof errors.BusyConnectionError) return retry(RetryCode.StoreOverloaded, error, true);
    if (!(each instanceof errors.ResponseError)) continue;
    if (each.code === code.invalid || (each.code === code.protocolError && TOO_BIG.test(each.message)))
      return { kind: "refused", description: describe(each) };
    if (each.code === code.unauthorized)
      return retry(
        RetryCode.StoreUnavailable,
        error,
        false,
        "The rights are refused: the role needs MODIFY and SELECT on the pipeline's tables, which its schema job grants. ",
      );
    const known = RETRIES[each.code];
    if (known !== undefined) return retry(known.code, error, known.strain);
  }
  return retry(RetryCode.StoreUnavailable, error, false);
}

/** What each node answered, where several were asked. */
function innerErrors(error: unknown): unknown[] {
  return error instanceof errors.NoHostAvailableError ? Object.values<unknown>(error.innerErrors ?? {}) : [];
}

function retry(retryCode: RetryCode, error: unknown, strain: boolean, sentence = ""): Retryable {
  return { kind: "retry", code: retryCode, description: `${sentence}Cassandra: ${describe(error)}`, strain };
}
