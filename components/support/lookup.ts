import * as pulumi from "@pulumi/pulumi";

/**
 * Waits for a function of a provider that looks something up. Where it fails, the error says what was looked up, for
 * whom, and what to do; Pulumi shows it without a stack trace.
 */
export async function lookedUp<T>(
  parent: pulumi.Resource,
  what: string,
  fix: string,
  lookup: () => Promise<T>,
): Promise<T> {
  try {
    return await lookup();
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
    throw new pulumi.ResourceError(`${what} could not be looked up: ${reason}. ${fix}`, parent, true);
  }
}
