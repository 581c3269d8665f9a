import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  AccessRight,
  allowed,
  type GrantArgs,
  PrincipalGrants,
  type RightsEntry,
} from "../../../components/identity/index.js";
import { Directory } from "../../../stacks/local/entra/index.js";
import { LocalRights } from "../../../stacks/local/rights.js";
import { FakeClock } from "../broker/helpers.js";
import { run } from "../support/mocks.js";
import { anyGrant } from "./arbitrary.js";

const BUS = "/subscriptions/0000/resourceGroups/rg/providers/Microsoft.ServiceBus/namespaces/contoso";
/** Ids as Azure makes them: a slash in a queue's name is a tilde there. */
const IDS: { [path: string]: string } = {
  renders: `${BUS}/queues/renders`,
  // A queue may be called so, and lies in no other.
  "renders/subscriptions/audit": `${BUS}/queues/renders~subscriptions~audit`,
  events: `${BUS}/topics/events`,
  "events/subscriptions/audit": `${BUS}/topics/events/subscriptions/audit`,
  "events/subscriptions/readings": `${BUS}/topics/events/subscriptions/readings`,
};
const PRINCIPALS: { [name: string]: string } = {
  alice: "11111111-1111-4111-8111-000000000001",
  bob: "11111111-1111-4111-8111-000000000002",
};

const grants = fc.uniqueArray(anyGrant, { maxLength: 3, selector: (grant) => JSON.stringify(grant) });

/** What a program grants, as the matrix says it and as a bus decides it from the role assignments that it registers. */
async function granted(by: { [name: string]: GrantArgs[] }) {
  const { value, all, known } = await run(
    () =>
      Object.entries(by).map(
        ([name, each]) =>
          new PrincipalGrants(name, {
            principalId: PRINCIPALS[name] ?? "",
            principalType: "ServicePrincipal",
            purpose: "x",
            kind: "operator",
            grants: each,
            bus: { namespace: "contoso", namespaceId: BUS, entityIds: IDS },
          }),
      ),
    { preview: false },
  );
  const rows = await Promise.all(value.map((component) => known(component.rights)));
  const enforced = new LocalRights({
    verify: () => Promise.reject(new Error("no token is shown here")),
    directory: new Directory(),
    clock: new FakeClock(),
  });
  for (const { inputs } of all("azure-native:authorization:RoleAssignment"))
    enforced.put(String(inputs["roleAssignmentName"]), {
      scope: String(inputs["scope"]),
      principalId: String(inputs["principalId"]),
      roleDefinitionId: String(inputs["roleDefinitionId"]),
      madeAt: 0,
    });
  const rights: RightsEntry[] = rows.flatMap((each) => each ?? []);
  return { rights, access: enforced.accessTo(BUS) };
}

describe("what the matrix says", () => {
  it("is what a bus decides from the role assignments that were registered, for every identity, entity and right", async () => {
    await fc.assert(
      fc.asyncProperty(grants, grants, async (alice, bob) => {
        const { rights, access } = await granted({ alice, bob });
        for (const [name, id] of Object.entries(PRINCIPALS))
          for (const path of Object.keys(IDS))
            for (const right of Object.values(AccessRight)) {
              const principal = { id, name, expiresAt: Number.POSITIVE_INFINITY };
              expect(access.allows(principal, path, right), `${name} ${right} ${path}`).toBe(
                allowed(rights, name, path, right),
              );
            }
      }),
      { numRuns: 25 },
    );
  });
});
