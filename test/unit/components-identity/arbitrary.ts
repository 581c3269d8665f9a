import fc from "fast-check";
import { type GrantArgs, Right } from "../../../components/identity/args.js";

/** Any sound grant on a queue, a queue whose name looks like a subscription's path, a topic, its subscriptions, or all. */
export const anyGrant: fc.Arbitrary<GrantArgs> = fc.oneof(
  fc.record({
    queue: fc.constantFrom("renders", "renders/subscriptions/audit"),
    right: fc.constantFrom(...Object.values(Right)),
  }),
  fc.record({ topic: fc.constant("events"), right: fc.constantFrom(Right.Send, Right.Manage) }),
  fc.record({
    topic: fc.constant("events"),
    subscription: fc.constantFrom("audit", "readings"),
    right: fc.constantFrom(Right.Receive, Right.Manage),
  }),
  fc.record({ scope: fc.constant("namespace" as const), right: fc.constantFrom(...Object.values(Right)) }),
);
