import { describe, expect, it } from "vitest";
import {
  type ServiceBusEntitiesArgs,
  type ServiceBusNamespaceArgs,
  serviceBusNotices,
  serviceBusProblems,
} from "../../../components/servicebus/index.js";
import { formatProblem } from "../../../runtime/contract/index.js";
import { namespaceOfTier, platform, REGIONS, replicatedNamespace } from "../../support/busTiers.js";

const premium = { tier: "Premium", name: "contoso" } as const;
const { geoReplication, privateEndpoints } = replicatedNamespace;

/** A namespace that Azure takes, what else is in the args, and the lines that are said; nothing else may be said. */
const said: [string, ServiceBusNamespaceArgs, Partial<ServiceBusEntitiesArgs>, string[]][] = [
  ["nothing of a bus that is reached", { ...premium, publicAccess: "Enabled", ipRules: ["203.0.113.7"] }, {}, []],
  ["nothing of Standard", { tier: "Standard", name: "contoso" }, {}, []],
  [
    "a bus that nobody reaches",
    premium,
    {},
    [
      'namespace.publicAccess: and no private endpoint: nobody reaches the bus (found "Disabled"). Add privateEndpoints, make one beside this stack, or set publicAccess to Enabled with ipRules',
    ],
  ],
  [
    "a bus that only Azure reaches",
    { ...premium, publicAccess: "Disabled", trustedServices: true },
    {},
    [
      'namespace.publicAccess: and no private endpoint: nobody but Azure\'s trusted services reaches the bus (found "Disabled"). Add privateEndpoints, make one beside this stack, or set publicAccess to Enabled with ipRules',
    ],
  ],
  [
    "addresses that nobody has on the internet",
    { tier: "Standard", name: "contoso", ipRules: ["10.1.0.0/16", "172.32.0.1", "172.31.0.1", "192.168.4.0/24"] },
    {},
    ["10.1.0.0/16", "172.31.0.1", "192.168.4.0/24"].map(
      (rule, i) =>
        `namespace.ipRules.${[0, 2, 3][i]}: lets nobody in: the public endpoint sees no private addresses (found "${rule}"). Give the addresses by which clients leave their networks, or use privateEndpoints`,
    ),
  ],
  [
    "rules that mean more than they look like",
    {
      tier: "Standard",
      name: "contoso",
      ipRules: ["203.0.113.0/0", "203.0.113.7/24", "203.0.113.0/28", "203.0.113.9"],
    },
    {},
    [
      'namespace.ipRules.0: lets every address in, as no rule at all would (found "203.0.113.0/0"). Give the ranges that clients have',
      'namespace.ipRules.1: begins inside of its range, and stands for all of it (found "203.0.113.7/24"). Write its first address, or one address without /',
    ],
  ],
  [
    "a copy without an endpoint in its region",
    replicatedNamespace,
    {},
    [
      "namespace.privateEndpoints: have none in northeurope: once that region is promoted, clients there have no way to the bus of their own. Add one with that location, with registerDns false until it is promoted",
    ],
  ],
  [
    "nothing of a copy with one",
    {
      ...replicatedNamespace,
      geoReplication,
      privateEndpoints: {
        ...privateEndpoints,
        north: { subnetId: platform.subnet("north", "endpoints"), location: "North Europe", registerDns: false },
      },
    },
    {},
    [],
  ],
  [
    "what a second namespace does not take over",
    namespaceOfTier.Premium,
    { queues: { renders: { autoDeleteOnIdleSeconds: 600, timeToLiveSeconds: 600 } } },
    [
      "queues.renders.autoDeleteOnIdleSeconds: may delete it in the second namespace, which does not know when it was used last (found 600). Leave it out of what must be there after a failover",
      "namespace.diagnostics.archive: records nothing of the second namespace, whose region is not that of a storage account or an event hub here. Give it a workspaceId as well",
    ],
  ],
];

describe("what is said of a namespace that Azure takes", () => {
  it.each(said)("%s", (_, namespace, rest, lines) => {
    const args = { namespace, ...rest };
    expect(serviceBusProblems(args, REGIONS.first)).toEqual([]);
    expect(serviceBusNotices(args).map(formatProblem)).toEqual(lines);
  });
});
