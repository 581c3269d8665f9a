import { type IntegrationArgs, integrationProblems } from "../components/integration/index.js";
import { integrationSchema } from "../components/integration/schema.js";
import { InvalidInputError, type Problem, problem } from "../runtime/contract/index.js";

/** Logical name of the integration that a stack builds. Changing it replaces everything. */
export const INTEGRATION = "stowage";
/** Name space of the stack's own configuration, in Pulumi.<environment>.yaml. */
const NAMESPACE = "stowage:";
/** Keys whose value is text; all others hold what is written as YAML below them. */
const TEXT_KEYS = ["location", "image"];

/** A stack's own configuration, as it was read, and what could not be read of it. */
interface Read {
  values: { [key: string]: unknown };
  problems: Problem[];
}

/** Pulumi hands every value over as text: objects, lists, numbers and truth values as JSON. */
function read(config: { [key: string]: string }): Read {
  const values: { [key: string]: unknown } = {};
  const problems: Problem[] = [];
  for (const [full, value] of Object.entries(config)) {
    if (!full.startsWith(NAMESPACE)) continue;
    const key = full.slice(NAMESPACE.length);
    try {
      values[key] = TEXT_KEYS.includes(key) ? value : JSON.parse(value);
    } catch {
      // A key that does not exist is named as such; only for one that does is the form of its value wrong.
      values[key] = value;
      if (key in integrationSchema.shape)
        problems.push(problem(key, value, "must be an object", "Write its settings as YAML below it"));
    }
  }
  return { values, problems };
}

/**
 * The args of the stack's integration from Pulumi's configuration (`pulumi.runtime.allConfig()`). Throws an
 * InvalidInputError that names every problem of every part: path, value, range and fix.
 */
export function stackArgs(stack: string, config: { [key: string]: string }): IntegrationArgs {
  const { values, problems } = read(config);
  const unread = new Set(problems.map((found) => found.path));
  const { data } = integrationSchema.safeParse(values);
  const found = integrationProblems(INTEGRATION, values);
  const all = [...problems, ...found.filter((each) => !unread.has(each.path))];
  if (all.length === 0 && data !== undefined) return data;
  throw new InvalidInputError(
    `Invalid configuration of stack ${stack}`,
    all.map((each) => ({ ...each, path: `${NAMESPACE}${each.path}` })),
  );
}
