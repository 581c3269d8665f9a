import { type Problem, problem } from "../../../runtime/contract/index.js";
import { LockLevel, type ServiceBusEntitiesArgs } from "../args.js";

/** Largest message of a namespace that is replicated, in kilobytes: large messages are not copied. */
const REPLICATED_MESSAGE_KILOBYTES = 1024;

/** "West Europe" and "westeurope" are one place. */
export function samePlace(a: string, b: unknown): boolean {
  const plain = (text: string) => text.toLowerCase().replaceAll(" ", "");
  return typeof b === "string" && plain(a) === plain(b);
}

/** What does not fit together of copies, pairings and locks. `location` is the namespace's, where it is known. */
export function resilienceProblems(args: ServiceBusEntitiesArgs, location: unknown): Problem[] {
  const { geoReplication, disasterRecovery } = args.namespace;
  const found = [...replicationProblems(args, location), ...recoveryProblems(args, location)];
  if (geoReplication !== undefined && disasterRecovery !== undefined)
    found.push(
      problem(
        "namespace.disasterRecovery",
        disasterRecovery.alias,
        "cannot be used with geoReplication: Azure refuses both on one namespace",
        "Remove one: geoReplication copies messages as well, disasterRecovery entities alone",
      ),
    );
  return found;
}

function replicationProblems({ namespace, queues, topics }: ServiceBusEntitiesArgs, location: unknown): Problem[] {
  const geo = namespace.geoReplication;
  if (geo === undefined) return [];
  const found: Problem[] = [];
  if (samePlace(geo.secondaryLocation, location))
    found.push(
      problem(
        "namespace.geoReplication.secondaryLocation",
        geo.secondaryLocation,
        "must be another region than the namespace's own",
        "Choose a second region, near by",
      ),
    );
  for (const [path, entities] of [
    ["queues", queues ?? {}],
    ["topics", topics ?? {}],
  ] as const)
    for (const [name, { maxMessageSizeKilobytes: size }] of Object.entries(entities))
      if (size !== undefined && size > REPLICATED_MESSAGE_KILOBYTES)
        found.push(
          problem(
            `${path}.${name}.maxMessageSizeKilobytes`,
            size,
            `must be at most ${REPLICATED_MESSAGE_KILOBYTES} with namespace.geoReplication, which copies no large messages`,
            "Lower it, or use disasterRecovery in place of geoReplication",
          ),
        );
  return found;
}

function recoveryProblems({ namespace }: ServiceBusEntitiesArgs, location: unknown): Problem[] {
  const { disasterRecovery: pair, name, privateEndpoints } = namespace;
  const path = "namespace.disasterRecovery";
  if (pair === undefined) return [];
  const found: Problem[] = [];
  if (samePlace(pair.location, location))
    found.push(
      problem(
        `${path}.location`,
        pair.location,
        "must be another region than the namespace's own",
        "Choose a second one",
      ),
    );
  const names: [string, string | undefined][] = [
    ["namespace.name", name],
    [`${path}.name`, pair.name],
    [`${path}.alias`, pair.alias],
  ];
  for (const [i, [at, value]] of names.entries()) {
    const same = names.slice(0, i).find(([, other]) => other?.toLowerCase() === value?.toLowerCase());
    if (value === undefined || same === undefined) continue;
    found.push(
      problem(at, value, `is the name of ${same[0]} already; each has a host of its own`, "Choose another name"),
    );
  }
  const [first, second] = [privateEndpoints, pair.privateEndpoints].map((map) => Object.keys(map ?? {}).length > 0);
  if (first === true && second === false)
    found.push(
      problem(
        `${path}.privateEndpoints`,
        undefined,
        "is missing: Azure pairs a namespace that has private endpoints only with one that has them",
        "Give the second namespace one, in a network of its region",
      ),
    );
  return found;
}

/** A lock that the stack would run into itself. */
export function lockProblems(args: ServiceBusEntitiesArgs): Problem[] {
  const { lock, autoscale } = args.namespace;
  if (lock?.level !== LockLevel.ReadOnly || autoscale === undefined) return [];
  return [
    problem(
      "namespace.lock.level",
      lock.level,
      "keeps autoscale from changing the messaging units",
      "Set it to CanNotDelete, or remove autoscale",
    ),
  ];
}
