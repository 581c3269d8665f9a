import { describe, expect, it } from "vitest";
import { type WorkloadIdentityArgs, workloadIdentityProblems } from "../../../components/identity/index.js";
import { formatProblem } from "../../../runtime/contract/index.js";

const sound: WorkloadIdentityArgs = {
  resourceGroupName: "rg",
  location: "westeurope",
  purpose: "Stowage pipeline renders",
  issuerUrl: "https://issuer.example/",
  serviceAccount: { namespace: "stowage", name: "renders" },
  grants: [{ queue: "renders", right: "receive" }],
  scope: { namespace: "contoso", entityIds: { renders: "/ids/renders", events: "/ids/events" } },
};
const federations = (count: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`account-${i}`, { subject: `system:serviceaccount:a:b${i}` }]),
  );

const refused: [string, Partial<WorkloadIdentityArgs>, string[]][] = [
  [
    "more federations than Azure allows, with the account's own",
    { federations: federations(20) },
    [
      "federations: must be at most 20 for an identity (Azure's limit) (found \"21 with the service account's\"). Make a second identity",
    ],
  ],
  [
    "a subject with a wildcard",
    { federations: { all: { subject: "repo:acme/*" } } },
    [
      'federations.all.subject: must be 1 to 600 characters without * or ?; Azure takes no wildcards (found "repo:acme/*"). Give the whole subject',
    ],
  ],
  [
    "an issuer without TLS",
    { issuerUrl: "http://issuer.example" },
    [
      'issuerUrl: must be an https URL of at most 600 characters (found "http://issuer.example"). Give the cluster\'s OIDC issuer',
    ],
  ],
  [
    "a name that Azure refuses",
    { identityName: "a b" },
    [
      'identityName: must be 3 to 128 letters, digits, - or _, the first a letter or digit (found "a b"). Give identityName a name by Azure\'s rule',
    ],
  ],
  [
    "an account that Kubernetes refuses",
    { serviceAccount: { namespace: "Stowage", name: "Renders" } },
    [
      'serviceAccount.namespace: must be a DNS label: 1 to 63 lower-case letters, digits or - (found "Stowage"). Give the service account\'s namespace',
      'serviceAccount.name: must be a DNS name: lower-case letters, digits, - or . (found "Renders"). Give the service account\'s name',
    ],
  ],
  [
    "grants that name no entity or two, or a right that is not there",
    {
      grants: [
        { right: "send" },
        { queue: "renders", topic: "events", right: "send" },
        { topic: "events", right: "receive" },
        { queue: "renders", right: "send" },
        { queue: "Renders", right: "send" },
      ],
      scope: { namespace: "contoso", entityIds: { renders: "/r", Renders: "/r", events: "/e", "": "/none" } },
    },
    [
      'grants.0: must have either queue or topic (found {"right":"send"}). Name one entity',
      'grants.1: must have either queue or topic (found {"queue":"renders","topic":"events","right":"send"}). Name one entity',
      'grants.2.right: cannot be had on a topic (found "receive"). Name the subscription to receive from',
      'grants.4: is there twice; Azure refuses the same assignment again (found {"queue":"Renders","right":"send"}). Remove one',
    ],
  ],
  [
    "an entity that the scope does not have",
    { grants: [{ queue: "volumes", right: "receive" }] },
    ['grants.0: is not an entity of the scope (found "volumes"). Use one of renders, events'],
  ],
];

describe("WorkloadIdentity's args", () => {
  it("have no problem where Azure and Kubernetes would take them", () => {
    expect(workloadIdentityProblems("stowage-renders", { ...sound, federations: federations(19) })).toEqual([]);
  });

  it.each(refused)("are refused with %s", (_, changed, lines) => {
    expect(workloadIdentityProblems("stowage-renders", { ...sound, ...changed }).map(formatProblem)).toEqual(lines);
  });

  it("are refused with grants and no scope", () => {
    const { scope, ...rest } = sound;
    expect(scope).toBeDefined();
    expect(workloadIdentityProblems("stowage-renders", rest).map(formatProblem)).toEqual([
      "scope: is missing; grants need it. Give the namespace and its entityIds",
    ]);
  });
});
