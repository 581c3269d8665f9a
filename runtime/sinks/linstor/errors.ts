import { RetryCode, StowageError } from "../../contract/index.js";
import { type ReturnCode, Severity } from "./returnCodes.js";

/** One entry of an answer. */
export interface Entry {
  returnCode: bigint;
  decoded: ReturnCode;
  message: string;
  cause?: string;
  details?: string;
  correction?: string;
}

/** No controller took the request, or what answered was no controller. Another attempt may find one. */
export class LinstorUnavailable extends StowageError {
  constructor(message: string, options?: ErrorOptions) {
    super(RetryCode.StoreUnavailable, message, options);
    this.name = "LinstorUnavailable";
  }
}

/** The controller did not answer in time. What it was asked for goes on all the same. */
export class LinstorTimeout extends StowageError {
  constructor(message: string, options?: ErrorOptions) {
    super(RetryCode.StoreTimeout, message, options);
    this.name = "LinstorTimeout";
  }
}

/** The lock was lost or the process ends: nothing may be begun any more. */
export class Interrupted extends StowageError {
  constructor(options?: ErrorOptions) {
    super(RetryCode.Interrupted, "The command was interrupted; what it had begun is taken up again", options);
    this.name = "Interrupted";
  }
}

/** LINSTOR is there, and what was asked for is not, or not yet: a node is away, a disk is still being filled. */
export class NotReady extends StowageError {
  constructor(message: string, options?: ErrorOptions) {
    super(RetryCode.NotReady, message, options);
    this.name = "NotReady";
  }
}

/** No attempt at this command can succeed; the message says why, for the one who sent it. */
export class Refusal extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "Refusal";
  }
}

/** The controller answered with at least one error. Entries before it were done, and stay. */
export class LinstorFailure extends Error {
  constructor(
    readonly what: string,
    readonly status: number,
    readonly entries: Entry[],
  ) {
    super(`${what}: ${describe(entries.filter((e) => e.decoded.severity === Severity.Error))}`);
    this.name = "LinstorFailure";
  }

  /** The codes of its errors. */
  get codes(): number[] {
    return this.entries.filter((e) => e.decoded.severity === Severity.Error).map((e) => e.decoded.code);
  }

  has(code: number): boolean {
    return this.codes.includes(code);
  }
}

/** Entries in words, for people: message, cause and correction with the code. */
export function describe(entries: readonly Entry[]): string {
  return entries
    .map(({ decoded, message, cause, correction }) =>
      [`${message.trim()} (code ${decoded.code})`, cause, correction].filter((part) => part !== undefined).join(" "),
    )
    .join("; ");
}
