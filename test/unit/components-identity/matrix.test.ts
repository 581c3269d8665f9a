import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rightsOf } from "../../../components/identity/assignments.js";
import {
  AccessRight,
  allowed,
  effectiveRights,
  type GrantArgs,
  type MatrixEntity,
  type RightsEntry,
  rightsTable,
} from "../../../components/identity/index.js";
import { anyGrant } from "./arbitrary.js";

const entities: MatrixEntity[] = [
  { namespace: "contoso", kind: "queue", path: "renders" },
  { namespace: "contoso", kind: "topic", path: "events" },
  { namespace: "contoso", kind: "subscription", path: "events/subscriptions/audit" },
  { namespace: "contoso", kind: "subscription", path: "events/subscriptions/readings" },
  // A queue may be called so, and lies in nothing.
  { namespace: "contoso", kind: "queue", path: "renders/subscriptions/audit" },
];
const bus = { namespace: "contoso", entityIds: {} };
const rowsOf = (identity: string, grants: GrantArgs[]): RightsEntry[] =>
  rightsOf({ identity, kind: "worker", principalType: "ServicePrincipal" }, grants, bus);

/** Each right on each kind of entity, and all that follows from it, as `entity access`. */
const meanings: [string, GrantArgs, string[]][] = [
  ["send on a queue", { queue: "renders", right: "send" }, ["renders send"]],
  ["receive on a queue", { queue: "renders", right: "receive" }, ["renders listen"]],
  ["manage on a queue", { queue: "renders", right: "manage" }, ["renders send", "renders listen", "renders manage"]],
  ["send on a topic", { topic: "events", right: "send" }, ["events send"]],
  [
    "manage on a topic, and with it on its subscriptions",
    { topic: "events", right: "manage" },
    [
      "events send",
      "events manage",
      "events/subscriptions/audit listen",
      "events/subscriptions/audit manage",
      "events/subscriptions/readings listen",
      "events/subscriptions/readings manage",
    ],
  ],
  [
    "receive on a subscription, and on no other of its topic",
    { topic: "events", subscription: "audit", right: "receive" },
    ["events/subscriptions/audit listen"],
  ],
  [
    "manage on a subscription, and not on its topic",
    { topic: "events", subscription: "audit", right: "manage" },
    ["events/subscriptions/audit listen", "events/subscriptions/audit manage"],
  ],
  [
    "send on the namespace",
    { scope: "namespace", right: "send" },
    ["renders send", "events send", "renders/subscriptions/audit send"],
  ],
  [
    "receive on the namespace",
    { scope: "namespace", right: "receive" },
    [
      "renders listen",
      "events/subscriptions/audit listen",
      "events/subscriptions/readings listen",
      "renders/subscriptions/audit listen",
    ],
  ],
];

const accessOf = (rights: RightsEntry[], identity: string) =>
  effectiveRights(rights, entities)
    .filter((row) => row.identity === identity)
    .flatMap((row) =>
      Object.values(AccessRight)
        .filter((access) => row.access[access])
        .map((access) => `${row.entity} ${access}`),
    );

describe("what the rows of the matrix mean", () => {
  it.each(meanings)("%s", (_, grant, expected) => {
    expect(accessOf(rowsOf("a", [grant]), "a")).toEqual(expected);
  });

  it("is nothing for whoever has no row, and nothing more than its own rows for whoever has", () => {
    fc.assert(
      fc.property(fc.array(anyGrant), fc.array(anyGrant), (ofA, ofB) => {
        const both = [...rowsOf("a", ofA), ...rowsOf("b", ofB)];
        expect(accessOf(both, "a")).toEqual(accessOf(rowsOf("a", ofA), "a"));
        for (const { path } of entities)
          for (const access of Object.values(AccessRight)) expect(allowed(both, "c", path, access)).toBe(false);
      }),
    );
  });

  it("grows with every row and never shrinks; whoever manages may do the rest", () => {
    fc.assert(
      fc.property(fc.array(anyGrant), anyGrant, (grants, another) => {
        const before = accessOf(rowsOf("a", grants), "a");
        const after = accessOf(rowsOf("a", [...grants, another]), "a");
        expect(after).toEqual(expect.arrayContaining(before));
        for (const { path } of entities)
          if (allowed(rowsOf("a", grants), "a", path, "manage"))
            expect([
              allowed(rowsOf("a", grants), "a", path, "send"),
              allowed(rowsOf("a", grants), "a", path, "listen"),
            ]).toEqual([true, true]);
      }),
    );
  });

  it("has a row for every identity at every entity, in agreement with allowed()", () => {
    fc.assert(
      fc.property(fc.array(anyGrant, { minLength: 1 }), fc.array(anyGrant, { minLength: 1 }), (ofA, ofB) => {
        const rights = [...rowsOf("a", ofA), ...rowsOf("b", ofB)];
        const rows = effectiveRights(rights, entities);
        expect(rows).toHaveLength(entities.length * 2);
        // What cannot be done with an entity at all is refused to everybody.
        const kinds = new Map(entities.map(({ path, kind }) => [path, kind]));
        for (const row of rows)
          for (const access of Object.values(AccessRight)) {
            // What cannot be done with an entity at all is refused to everybody.
            const possible =
              access === "manage" ||
              kinds.get(row.entity) === "queue" ||
              kinds.get(row.entity) === (access === "send" ? "topic" : "subscription");
            expect(row.access[access]).toBe(possible && allowed(rights, row.identity, row.entity, access));
          }
      }),
    );
  });

  it("takes names as Azure does, without regard to case, and keeps namespaces apart", () => {
    const rights = rowsOf("a", [{ topic: "Events", right: "manage" }]);
    expect(allowed(rights, "a", "events/Subscriptions/audit", "listen")).toBe(true);
    expect(allowed(rights, "a", "EVENTS", "send", "CONTOSO")).toBe(true);
    expect(allowed(rights, "a", "events", "send", "fabrikam")).toBe(false);
  });

  it("shows both namespaces of a pair", () => {
    const pair = { ...bus, secondary: { namespace: "contoso-dr", entityIds: {} } };
    const rights = rightsOf(
      { identity: "a", kind: "worker", principalType: "ServicePrincipal" },
      [{ queue: "renders", right: "send" }],
      pair,
    );
    const both = [...entities.slice(0, 1), { namespace: "contoso-dr", kind: "queue" as const, path: "renders" }];
    expect(effectiveRights(rights, both).map((row) => [row.namespace, row.access.send])).toEqual([
      ["contoso", true],
      ["contoso-dr", true],
    ]);
  });
});

describe("the table of the matrix", () => {
  it("reads line by line: who can do what, from what, and where nobody can", () => {
    const rights = [
      ...rowsOf("stowage-renders", [{ queue: "renders", right: "receive" }]),
      ...rightsOf(
        { identity: "ops", kind: "producer", principalType: "Group" },
        [{ topic: "events", right: "manage" }],
        bus,
      ),
    ];
    const deployer = { identity: "ci", kind: "deployer", principalType: "ServicePrincipal" } as const;
    const who = [
      { identity: "stowage-renders", kind: "worker", principalType: "ServicePrincipal" } as const,
      { identity: "ops", kind: "producer", principalType: "Group" } as const,
      deployer,
    ];
    expect(rightsTable(rights, entities, who)).toBe(
      [
        "namespace  entity                         identity         kind      principal         send  listen  manage  granted on",
        "contoso    renders                        stowage-renders  worker    ServicePrincipal  no    yes     no      queue renders",
        "contoso    events                         ops              producer  Group             yes   no      yes     topic events",
        "contoso    events/subscriptions/audit     ops              producer  Group             no    yes     yes     topic events",
        "contoso    events/subscriptions/readings  ops              producer  Group             no    yes     yes     topic events",
        "contoso    renders/subscriptions/audit    nobody                                       no    no      no",
        "Whatever is not listed is refused.",
        "Without any right here: ci (deployer).",
      ].join("\n"),
    );
  });
});
