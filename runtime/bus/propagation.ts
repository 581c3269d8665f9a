import type { Clock } from "../support/clock.js";
import { errorCode, errorText, lastOf } from "./errors.js";

/**
 * For so long after its start a worker takes a refusal for rights that have not reached the bus yet, in milliseconds.
 * Azure states up to 10 minutes for a new role assignment; federated credentials take less.
 */
export const PROPAGATION_MILLISECONDS = 600_000;

/** True for an error that says that the bus, or Entra ID, refuses the worker's identity. */
export function isRefusal(error: unknown): boolean {
  const last = lastOf(error);
  return errorCode(last) === "UnauthorizedAccess" || (last instanceof Error && last.name === "AuthenticationError");
}

/** Who refuses what at present, and whether that may still be a matter of waiting. */
export class Propagation {
  private readonly refusals = new Map<string, string>();
  private endsAt: number;

  constructor(private readonly clock: Clock) {
    this.endsAt = clock.now() + PROPAGATION_MILLISECONDS;
  }

  /** The worker begins: its patience counts from now. */
  start(): void {
    this.endsAt = this.clock.now() + PROPAGATION_MILLISECONDS;
  }

  /** True as long as a refusal may be rights that are still on their way. */
  get underway(): boolean {
    return this.clock.now() < this.endsAt;
  }

  /** The bus refused an entity. `error` is the client's. */
  refused(entity: string, error: unknown): void {
    this.refusals.set(entity, `${errorCode(error)}: ${errorText(error).split("\n", 1)[0]}`);
  }

  /** The bus took the worker at an entity. */
  accepted(entity: string): void {
    this.refusals.delete(entity);
  }

  /** Whether the last answer about an entity was a refusal. */
  isRefused(entity: string): boolean {
    return this.refusals.has(entity);
  }

  /** What is refused and until when it is tried again, for people; undefined where nothing is. */
  get reason(): string | undefined {
    const all = [...this.refusals].map(([entity, why]) => `${entity}: ${why}`);
    if (all.length === 0) return undefined;
    const until = new Date(this.endsAt).toISOString();
    return this.underway
      ? `the bus refuses this worker (new rights take minutes to count; it is tried again until ${until}): ${all.join("; ")}`
      : `the bus refuses this worker: ${all.join("; ")}`;
  }
}
