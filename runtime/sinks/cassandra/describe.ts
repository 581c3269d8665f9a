import { errors } from "cassandra-driver";

/** An error as a sentence, with what each node answered where several were asked. */
export function describe(error: unknown): string {
  if (error instanceof errors.NoHostAvailableError) {
    const inner = Object.entries<unknown>(error.innerErrors ?? {});
    if (inner.length > 0) return `${inner.map(([host, why]) => `${host}: ${messageOf(why)}`).join("; ")}.`;
  }
  return `${messageOf(error).replace(/\.$/, "")}.`;
}

/** An error in its own words. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
