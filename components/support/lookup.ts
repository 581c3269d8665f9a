import * as pulumi from "@pulumi/pulumi";

/** An error for whoever wrote the args: Pulumi shows its words, and no stack trace, wherever it comes up. */
export function plainError(message: string): pulumi.RunError {
  // Some of Pulumi's ways to show an error look at the stack first, whatever the error is.
  return Object.assign(new pulumi.RunError(message), { stack: "" });
}

/**
 * Waits for a function of a provider that looks something up. Where it fails, the error says what was looked up, for
 * whom, and what to do.
 */
export async function lookedUp<T>(what: string, fix: string, lookup: () => Promise<T>): Promise<T> {
  try {
    return await lookup();
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
    throw plainError(`${what} could not be looked up: ${reason}. ${fix}`);
  }
}
