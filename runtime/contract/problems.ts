/** One thing that is wrong with an input. Every field is needed for a person to act on it. */
export interface Problem {
  /** Where, from the root of what was given: `pipelines.renders.delivery.concurrency`. */
  path: string;
  /** The value found there, shortened to 80 characters; absent where nothing was given. */
  value?: string;
  /** What is wrong, with the allowed range. */
  reason: string;
  /** What to do about it. */
  fix: string;
}

const VALUE_LENGTH = 80;

/**
 * A value as it is shown in a problem: JSON, at most 80 characters; of one without JSON text (a sender may nest it deeper
 * than it can be written) what it is. Never call it with a secret.
 */
export function shown(value: unknown): string {
  const text = jsonOf(value) ?? (typeof value === "object" ? "an object that cannot be shown" : String(value));
  return text.length > VALUE_LENGTH ? `${text.slice(0, VALUE_LENGTH - 1)}…` : text;
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

/** Makes a problem; `value` undefined means that nothing was given. */
export function problem(path: string, value: unknown, reason: string, fix: string): Problem {
  return value === undefined ? { path, reason, fix } : { path, value: shown(value), reason, fix };
}

/** `path: reason (found value). fix` — one line a problem. */
export function formatProblem(p: Problem): string {
  const found = p.value === undefined ? "" : ` (found ${p.value})`;
  return `${p.path}: ${p.reason}${found}. ${p.fix}`;
}

/** All problems, one a line, behind a headline that counts them. */
export function formatProblems(what: string, problems: Problem[]): string {
  const headline = `${what}: ${problems.length} ${problems.length === 1 ? "problem" : "problems"}`;
  return [headline, ...problems.map((p) => `  - ${formatProblem(p)}`)].join("\n");
}

/** Thrown where bad input is refused, with every problem at once. `code` is `InvalidInput`. */
export class InvalidInputError extends Error {
  readonly code = "InvalidInput";
  constructor(
    what: string,
    readonly problems: Problem[],
  ) {
    super(formatProblems(what, problems));
    this.name = "InvalidInputError";
  }
}

/** Prefixes the path of each problem, for a check that was made on a part. */
export function within(prefix: string, problems: Problem[]): Problem[] {
  return problems.map((p) => ({ ...p, path: p.path === "" ? prefix : `${prefix}.${p.path}` }));
}
