import { type Problem, problem } from "../../runtime/contract/index.js";

/** Problems of a value where it is known before the run; outputs are checked by Azure. */
export function plain(path: string, value: unknown, pattern: RegExp, reason: string, fix: string): Problem[] {
  return typeof value !== "string" || pattern.test(value) ? [] : [problem(path, value, reason, fix)];
}
