import * as pulumi from "@pulumi/pulumi";
import { formatProblems, type Problem } from "../../runtime/contract/index.js";

/**
 * Refuses the args of a component with every problem at once, before anything is registered.
 * Throws pulumi.InputPropertiesError whose message holds each problem's path, value, range and fix.
 */
export function refuse(component: string, name: string, problems: Problem[]): void {
  if (problems.length === 0) return;
  throw new pulumi.InputPropertiesError({
    message: formatProblems(`Invalid arguments for ${component} "${name}"`, problems),
    errors: problems.map((p) => ({ propertyPath: p.path, reason: `${p.reason}. ${p.fix}` })),
  });
}

/** Gates an output on a check of its value once that is known: same words as at preview. */
export function checked<T>(
  what: string,
  value: pulumi.Input<T>,
  problemsOf: (value: T) => Problem[],
): pulumi.Output<T> {
  return pulumi.output(value).apply((known) => {
    const problems = problemsOf(known as T);
    if (problems.length > 0) throw new Error(formatProblems(what, problems));
    return known as T;
  });
}
