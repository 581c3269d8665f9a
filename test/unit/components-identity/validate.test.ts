import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type PrincipalGrantsArgs,
  principalGrantsProblems,
  type WorkloadIdentityArgs,
  workloadIdentityProblems,
} from "../../../components/identity/index.js";
import { formatProblem } from "../../../runtime/contract/index.js";

const sound: WorkloadIdentityArgs = {
  resourceGroupName: "rg",
  location: "westeurope",
  purpose: "Stowage pipeline renders",
  issuerUrl: "https://issuer.example/",
  serviceAccount: { namespace: "stowage", name: "renders" },
  grants: [{ queue: "renders", right: "receive" }],
  bus: { namespace: "contoso", entityIds: { renders: "/ids/renders", events: "/ids/events" } },
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
      'federations: must be at most 20 for an identity (Azure\'s limit) (found "21 with those of serviceAccount and githubActions"). Make a second identity',
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
      bus: { namespace: "contoso", entityIds: { renders: "/r", Renders: "/r", events: "/e", "": "/none" } },
    },
    [
      'grants.0: must have either queue or topic (found {"right":"send"}). Name one entity, or say scope: "namespace"',
      'grants.1: must have either queue or topic (found {"queue":"renders","topic":"events","right":"send"}). Name one entity, or say scope: "namespace"',
      'grants.2.right: cannot be had on a topic (found "receive"). Name the subscription to receive from',
      'grants.4: is there twice; Azure refuses the same assignment again (found {"queue":"Renders","right":"send"}). Remove one',
    ],
  ],
  [
    "grants that are malformed, each with its path, beside those that are sound",
    {
      grants: [
        { queue: "renders", right: "sned" as "send" },
        { queue: "renders", right: "receive" },
        { queue: "renders", rights: "send", right: "send" } as { right: "send" },
      ],
    },
    [
      'grants.0.right: must be one of send, receive, manage (found "sned"). Choose one of them',
      'grants.2.rights: unknown key (found "send"). Did you mean right?',
    ],
  ],
  [
    "the whole namespace beside an entity, without its id, and a right that comes twice there",
    {
      grants: [
        { queue: "renders", scope: "namespace", right: "send" },
        { scope: "namespace", right: "receive" },
        { scope: "namespace", right: "receive" },
      ],
    },
    [
      'grants.0.scope: is every entity, and goes without renders (found "namespace"). Leave one of the two out',
      'grants.2: is there twice; Azure refuses the same assignment again (found {"scope":"namespace","right":"receive"}). Remove one',
      'bus.namespaceId: is missing; a grant of scope "namespace" needs it. Give it',
    ],
  ],
  [
    "an entity that the paired namespace does not have",
    { bus: { namespace: "a", entityIds: { renders: "/r" }, secondary: { namespace: "b", entityIds: {} } } },
    ['grants.0: is not an entity of bus.secondary (found "renders"). Add its id to bus.secondary.entityIds'],
  ],
  [
    "a workflow for nothing or for two things, and half of an immutable subject",
    {
      githubActions: {
        none: { organization: "acme", repository: "stowage" },
        two: { organization: "acme", repository: "stowage", environment: "prod", branch: "main" },
        half: { organization: "acme", repository: "stowage", environment: "prod", organizationId: "42" },
      },
    },
    [
      'githubActions.none: must have exactly one of environment, branch, tag, pullRequest (found "none of them"). Name an environment: its protection rules say who may run it',
      'githubActions.two: must have exactly one of environment, branch, tag, pullRequest (found "environment and branch"). Name an environment: its protection rules say who may run it',
      "githubActions.half.repositoryId: is missing; an immutable subject has the numbers of both, organization and repository. Give both, or neither",
      'githubActions.two: takes the same tokens as githubActions.half; Azure refuses that (found "repo:acme/stowage:environment:prod"). Remove one',
    ],
  ],
  [
    "a workflow with a wildcard, with a whole reference, or with its owner in the repository",
    {
      githubActions: {
        wild: { organization: "acme", repository: "stowage", branch: "release/*" },
        whole: { organization: "acme", repository: "stowage", branch: "refs/heads/main" },
        owner: { organization: "acme", repository: "acme/stowage", environment: "prod" },
      },
    },
    [
      'githubActions.wild.branch: must be the name of a branch, without refs/… and without wildcards; Azure takes none (found "release/*"). Give main for refs/heads/main, or name an environment that several may use',
      'githubActions.whole.branch: must be the name of a branch, without refs/… and without wildcards; Azure takes none (found "refs/heads/main"). Give main for refs/heads/main, or name an environment that several may use',
      'githubActions.owner.repository: must be the name of a repository without its owner: 1 to 100 letters, digits, . - or _ (found "acme/stowage"). Leave the owner out',
    ],
  ],
  [
    "two federations of one name, and two that take the same tokens",
    {
      federations: {
        "service-account": { subject: "system:serviceaccount:a:b" },
        twin: { subject: "system:serviceaccount:stowage:renders" },
      },
    },
    [
      'federations.service-account: is the name of serviceAccount as well (found "service-account"). Rename it',
      'federations.twin: takes the same tokens as serviceAccount; Azure refuses that (found "system:serviceaccount:stowage:renders"). Remove one',
    ],
  ],
  [
    "more tokens than Azure allows, whatever they are of",
    {
      federations: federations(10),
      githubActions: Object.fromEntries(
        Array.from({ length: 10 }, (_, i) => [
          `flow-${i}`,
          { organization: "acme", repository: "stowage", environment: `e${i}` },
        ]),
      ),
    },
    [
      'federations: must be at most 20 for an identity (Azure\'s limit) (found "21 with those of serviceAccount and githubActions"). Make a second identity',
    ],
  ],
  [
    "a purpose that fills no description, or too much of it",
    { purpose: " " },
    ['purpose: must be 1 to 500 characters on one line (found " "). Say what the identity is for'],
  ],
  [
    "a worker that manages",
    { grants: [{ queue: "renders", right: "manage" }] },
    [
      'grants.0.right: is more than a worker needs: it can change and delete the entity (found "manage"). Give send or receive; what counts messages or looks after the bus has an identity and a kind of its own',
    ],
  ],
  [
    "an observer that manages what it does not receive",
    {
      kind: "observer",
      grants: [
        { queue: "renders", right: "receive" },
        { queue: "renders", right: "manage" },
        { topic: "events", right: "manage" },
      ],
    },
    [
      'grants.2.right: is more than an observer needs: it counts only what it receives (found "manage"). Give it receive on the same entity, or take this away',
    ],
  ],
  [
    "a kind that there is not",
    { kind: "admin" as "operator" },
    [
      'kind: must be one of worker, observer, autoscaler, producer, deployer, operator (found "admin"). Choose one of them',
    ],
  ],
  [
    "an entity that the bus does not have",
    { grants: [{ queue: "volumes", right: "receive" }] },
    ['grants.0: is not an entity of bus (found "volumes"). Use one of renders, events'],
  ],
];

describe("WorkloadIdentity's args", () => {
  it("have no problem where Azure and Kubernetes would take them", () => {
    expect(workloadIdentityProblems("stowage-renders", { ...sound, federations: federations(19) })).toEqual([]);
  });

  it.each(refused)("are refused with %s", (_, changed, lines) => {
    expect(workloadIdentityProblems("stowage-renders", { ...sound, ...changed }).map(formatProblem)).toEqual(lines);
  });

  it("are refused with grants and no bus", () => {
    const { bus, ...rest } = sound;
    expect(bus).toBeDefined();
    expect(workloadIdentityProblems("stowage-renders", rest).map(formatProblem)).toEqual([
      "bus: is missing; grants need it. Give the namespace and its entityIds",
    ]);
  });
});

describe("args that may be anything, as those of a program without types", () => {
  const lines = (args: unknown) =>
    workloadIdentityProblems("stowage-renders", args as WorkloadIdentityArgs).map(formatProblem);

  it("are refused by every key that is misspelt, on every level: none is read past", () => {
    const args = {
      ...sound,
      servicAccount: {},
      serviceAccount: { namespace: "stowage", name: "renders", creat: false },
      federations: { other: { subject: "system:serviceaccount:a:b", issuer: "https://other.example/" } },
      bus: { ...sound.bus, secondry: {} },
    };
    expect(lines(args)).toEqual([
      "serviceAccount.creat: unknown key (found false). Did you mean create?",
      'federations.other.issuer: unknown key (found "https://other.example/"). Did you mean issuerUrl?',
      "bus.secondry: unknown key (found {}). Did you mean secondary?",
      "servicAccount: unknown key (found {}). Did you mean serviceAccount?",
    ]);
  });

  it("are refused by what they lack, and by what is something else, without a stack trace of ours", () => {
    expect(lines({}).map((line) => line.split(":")[0])).toEqual([
      "resourceGroupName",
      "location",
      "purpose",
      "serviceAccount",
    ]);
    const { resourceGroupName, location } = sound;
    const other = {
      resourceGroupName,
      location,
      purpose: 5,
      serviceAccount: "renders",
      grants: { queue: "a" },
      bus: 1,
    };
    expect(lines(other)).toEqual([
      "purpose: must be 1 to 500 characters on one line (found 5). Say what the identity is for",
      'serviceAccount: must be an object (found "renders"). Give its keys: namespace, name, create',
      'grants: must be a list of grants (found {"queue":"a"}). Give [{ queue: "orders", right: "send" }]',
      "bus: must be an object (found 1). Give its keys: namespace, namespaceId, entityIds, secondary",
    ]);
    expect(principalGrantsProblems({} as PrincipalGrantsArgs).map(({ path }) => path)).toEqual([
      "purpose",
      "grants",
      "bus",
      "principalId",
    ]);
  });

  it("name what is wrong with the other grants beside one that is none, and take undefined as left out", () => {
    const grants = [null, { queue: "volumes", right: "receive" }, { queue: "renders", right: "manage" }];
    expect(lines({ ...sound, grants, purpose: "" }).map((line) => line.split(":")[0])).toEqual([
      "purpose",
      "grants.0",
      "grants.2.right",
      "grants.1",
    ]);
    const open = { ...sound, kind: undefined, tags: undefined, federations: undefined, identityName: undefined };
    expect(lines({ ...open, grants: [{ queue: "renders", topic: undefined, right: "send" }] })).toEqual([]);
  });
});

describe("the tokens that an identity takes", () => {
  it("are refused beyond 20, whatever they are of, and never below", () => {
    const counts = fc.record({
      account: fc.boolean(),
      others: fc.integer({ min: 0, max: 25 }),
      workflows: fc.integer({ min: 0, max: 25 }),
    });
    fc.assert(
      fc.property(counts, ({ account, others, workflows }) => {
        const { serviceAccount, ...rest } = sound;
        const githubActions = Object.fromEntries(
          Array.from({ length: workflows }, (_, i) => [
            `flow-${i}`,
            { organization: "a", repository: "b", tag: `v${i}` },
          ]),
        );
        const args = { ...rest, federations: federations(others), githubActions };
        const problems = workloadIdentityProblems(
          "stowage-renders",
          account && serviceAccount !== undefined ? { ...args, serviceAccount } : args,
        );
        const total = others + workflows + (account ? 1 : 0);
        expect(problems.map((found) => found.path)).toEqual(
          total === 0 ? ["serviceAccount"] : total > 20 ? ["federations"] : [],
        );
      }),
    );
  });
});

describe("WorkloadIdentity without a service account", () => {
  const { serviceAccount: _, issuerUrl: __, ...rest } = sound;

  it("is right where workflows log in, and needs no cluster for that", () => {
    const githubActions = { prod: { organization: "acme", repository: "stowage", environment: "prod" } };
    expect(workloadIdentityProblems("stowage-deploy", { ...rest, githubActions })).toEqual([]);
  });

  it("is refused where nobody could log in, and where a token has no issuer", () => {
    expect(workloadIdentityProblems("stowage-deploy", rest).map(formatProblem)).toEqual([
      "serviceAccount: is missing, and nothing else logs in as the identity. Give serviceAccount, federations or githubActions",
    ]);
    const other = { ...rest, federations: { other: { subject: "system:serviceaccount:a:b" } } };
    expect(workloadIdentityProblems("stowage-deploy", other).map(formatProblem)).toEqual([
      "issuerUrl: is missing; federations.other needs it. Give the cluster's OIDC issuer",
    ]);
  });
});

describe("PrincipalGrants' args", () => {
  const principalId = "5f0c2f6e-8a5c-4c53-9f0e-0d7d3a2b1c01";
  const { bus, grants, purpose } = sound;
  const common = { purpose, grants: grants ?? [], bus: bus ?? { namespace: "contoso", entityIds: {} } };
  const problems = (args: Partial<PrincipalGrantsArgs>) =>
    principalGrantsProblems({ ...common, ...args }).map(formatProblem);

  it("have no problem where one principal is named", () => {
    expect(problems({ principalId, principalType: "Group" })).toEqual([]);
    const manage = [{ queue: "renders", right: "manage" as const }];
    expect(problems({ principalId, principalType: "Group", kind: "operator", grants: manage })).toEqual([]);
    expect(problems({ managedIdentity: { resourceGroupName: "rg", name: "shop" } })).toEqual([]);
  });

  it.each<[string, Partial<PrincipalGrantsArgs>, string[]]>([
    ["no principal", {}, ["principalId: is missing. Give either principalId with principalType, or managedIdentity"]],
    [
      "two",
      { principalId, principalType: "User", managedIdentity: { resourceGroupName: "rg", name: "shop" } },
      [
        `principalId: goes without managedIdentity, which names another principal (found "${principalId}"). Give either principalId with principalType, or managedIdentity`,
        'principalType: goes with principalId; that of managedIdentity is known (found "User"). Remove it',
      ],
    ],
    [
      "one of no known kind",
      { principalId },
      [
        "principalType: is missing; without it, Azure takes any principal for a user. Give User, Group or ServicePrincipal (an application or a managed identity)",
      ],
    ],
    [
      "a producer that manages",
      { principalId, principalType: "User", grants: [{ queue: "renders", right: "manage" }] },
      [
        'grants.0.right: is more than a producer needs: it can change and delete the entity (found "manage"). Give send or receive; what counts messages or looks after the bus has an identity and a kind of its own',
      ],
    ],
    [
      "a name for an id",
      { principalId: "shop@contoso.com", principalType: "User" },
      [
        'principalId: must be an object id, a GUID (found "shop@contoso.com"). Give the object id as Entra ID shows it; of an application that of its service principal',
      ],
    ],
  ])("are refused with %s", (_, changed, lines) => {
    expect(problems(changed)).toEqual(lines);
  });
});
