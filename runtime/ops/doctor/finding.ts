/** How one thing is. */
export const Status = {
  Ok: "ok",
  /** It works, or could not be seen; somebody should look. */
  Warn: "warn",
  /** It does not work. */
  Fail: "fail",
} as const;
export type Status = (typeof Status)[keyof typeof Status];

/** One line of the doctor. */
export interface Finding {
  /** What was tried: `dns`, `token`, `listen`, `store`. */
  check: string;
  status: Status;
  /** What was found. */
  detail: string;
  /** What to do; there wherever it is not ok. */
  fix?: string;
}

export function ok(check: string, detail: string): Finding {
  return { check, status: Status.Ok, detail };
}

export function warn(check: string, detail: string, fix: string): Finding {
  return { check, status: Status.Warn, detail, fix };
}

export function fail(check: string, detail: string, fix: string): Finding {
  return { check, status: Status.Fail, detail, fix };
}
