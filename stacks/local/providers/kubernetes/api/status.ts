/** Why the API server refuses, in its own words, and with which HTTP status. */
export const Refusal = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  Conflict: 409,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  InternalError: 500,
} as const;
export type Refusal = keyof typeof Refusal;

/** A refusal, as it is answered. */
export class ApiError extends Error {
  /** @param name of the secret that it is about */
  constructor(
    readonly reason: Refusal,
    message: string,
    readonly secret?: string,
  ) {
    super(message);
    this.name = "ApiError";
  }

  get code(): number {
    return Refusal[this.reason];
  }

  /** The refusal as Kubernetes' kind Status. */
  get status(): Record<string, unknown> {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: this.message,
      reason: this.reason,
      ...(this.secret === undefined ? {} : { details: { name: this.secret, kind: "secrets" } }),
      code: this.code,
    };
  }
}
