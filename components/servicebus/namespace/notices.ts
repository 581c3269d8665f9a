import { problem } from "../../../runtime/contract/index.js";
import { range } from "../../support/cidr.js";
import type { Notice } from "../../support/notices.js";
import { PublicAccess, type ServiceBusEntitiesArgs, type ServiceBusNamespaceArgs } from "../args.js";
import { entitiesIn } from "../settings.js";
import { publicAccess } from "./access.js";
import { samePlace } from "./resilienceProblems.js";

/** Ranges that no address on the internet has (RFC 1918). */
const PRIVATE = /^(?:10|192\.168|172\.(?:1[6-9]|2\d|3[01]))\./;

/** Notices of the namespace and of what surrounds it. */
export function namespaceNotices(args: ServiceBusEntitiesArgs): Notice[] {
  const { namespace } = args;
  return [...reachNotices(namespace), ...replicationNotices(namespace), ...recoveryNotices(args)];
}

/** A bus that nobody reaches, and rules that let nobody in. */
function reachNotices(namespace: ServiceBusNamespaceArgs): Notice[] {
  const { privateEndpoints = {}, ipRules = [], trustedServices } = namespace;
  if (publicAccess(namespace) === PublicAccess.Disabled && Object.keys(privateEndpoints).length === 0)
    return [
      problem(
        "namespace.publicAccess",
        PublicAccess.Disabled,
        `and no private endpoint: nobody${trustedServices === true ? " but Azure's trusted services" : ""} reaches the bus`,
        "Add privateEndpoints, make one beside this stack, or set publicAccess to Enabled with ipRules",
      ),
    ];
  return ipRules.flatMap((rule, i) => {
    const said = ruleNotice(rule);
    return said === undefined ? [] : [problem(`namespace.ipRules.${i}`, rule, ...said)];
  });
}

/** What a rule of the public endpoint does that is probably not meant, and what to do. */
function ruleNotice(rule: string): [reason: string, fix: string] | undefined {
  if (rule.endsWith("/0"))
    return ["lets every address in, as no rule at all would", "Give the ranges that clients have"];
  if (PRIVATE.test(rule))
    return [
      "lets nobody in: the public endpoint sees no private addresses",
      "Give the addresses by which clients leave their networks, or use privateEndpoints",
    ];
  if (rule.includes("/") && range(rule) === undefined)
    return [
      "begins inside of its range, and stands for all of it",
      "Write its first address, or one address without /",
    ];
  return undefined;
}

function replicationNotices({ geoReplication, privateEndpoints = {} }: ServiceBusNamespaceArgs): Notice[] {
  const endpoints = Object.values(privateEndpoints);
  if (geoReplication === undefined || endpoints.length === 0) return [];
  const { secondaryLocation: second } = geoReplication;
  if (endpoints.some(({ location }) => samePlace(second, location))) return [];
  return [
    problem(
      "namespace.privateEndpoints",
      undefined,
      `have none in ${second}: once that region is promoted, clients there have no way to the bus of their own`,
      "Add one with that location, with registerDns false until it is promoted",
    ),
  ];
}

/** What a second namespace does not take over. */
function recoveryNotices(args: ServiceBusEntitiesArgs): Notice[] {
  const { disasterRecovery, diagnostics = {} } = args.namespace;
  if (disasterRecovery === undefined) return [];
  const idle = entitiesIn(args).flatMap(({ path, settings: { autoDeleteOnIdleSeconds: seconds } }) =>
    seconds === undefined
      ? []
      : [
          problem(
            `${path}.autoDeleteOnIdleSeconds`,
            seconds,
            "may delete it in the second namespace, which does not know when it was used last",
            "Leave it out of what must be there after a failover",
          ),
        ],
  );
  const silent = Object.entries(diagnostics).flatMap(([key, { workspaceId }]) =>
    workspaceId === undefined
      ? [
          problem(
            `namespace.diagnostics.${key}`,
            undefined,
            "records nothing of the second namespace, whose region is not that of a storage account or an event hub here",
            "Give it a workspaceId as well",
          ),
        ]
      : [],
  );
  return [...idle, ...silent];
}
