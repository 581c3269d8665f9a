import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { integrationProblems } from "../../../components/integration/index.js";
import { formatProblem } from "../../../runtime/contract/index.js";
import { argsOf, environments } from "../support/environments.js";

type Json = { [key: string]: unknown };

const prod = argsOf("prod");
/** Random changes of the args; many more where tests may take long. */
const RUNS = process.env["STOWAGE_LONG"] === "1" ? 5000 : 150;

/** The args of prod with the value at a path set, or taken away where it is undefined. */
function prodWith(...changes: [string[], unknown][]): unknown {
  const args = structuredClone(prod);
  for (const [path, value] of changes) set(args, path, value);
  return args;
}

function set(root: unknown, path: (string | number)[], value: unknown): void {
  const parent = path.slice(0, -1).reduce<unknown>((at, key) => (at as Json)[key], root) as Json;
  const key = path.at(-1) ?? "";
  if (value === undefined) delete parent[key];
  else parent[key] = value;
}

const lines = (args: unknown) => integrationProblems("stowage", args).map(formatProblem);
const p = (path: string) => path.split("/");

const refused: [string, [string[], unknown][], string[]][] = [
  ["a slip in a key at the root", [[p("operator"), {}]], ["operator: unknown key (found {}). Did you mean operators?"]],
  [
    "a slip in a key of a pipeline, and a slip deep inside it",
    [
      [p("pipelines/renders/sorce"), {}],
      [p("pipelines/renders/delivery/concurency"), 4],
    ],
    [
      "pipelines.renders.sorce: unknown key (found {}). Did you mean source?",
      "pipelines.renders.delivery.concurency: unknown key (found 4). Did you mean concurrency?",
    ],
  ],
  [
    "an image by tag",
    [[p("image"), "registry.example/worker:1.0"]],
    [
      'image: must be an image by digest, name@sha256:<64 hexadecimal digits> (found "registry.example/worker:1.0"). Give the digest that the push printed; a tag could come to mean another image',
    ],
  ],
  [
    "a queue's lock longer than five minutes, with its whole path",
    [[p("serviceBus/queues/renders/lockDurationSeconds"), 301]],
    [
      "serviceBus.queues.renders.lockDurationSeconds: must be a whole number from 5 to 300 seconds (PT5S to PT5M, Azure's limit) (found 301). Give a number in that range",
    ],
  ],
  [
    "a bus whose tier and whose addresses are wrong, beside a pipeline that reads a queue that is not there",
    [
      [p("serviceBus/namespace/tier"), "premium"],
      [p("serviceBus/namespace/ipRules"), ["300.1.1.1"]],
      [p("pipelines/renders/source/queue"), "render"],
      [p("producers/studio/grants/0/queue"), "render"],
    ],
    [
      'serviceBus.namespace.tier: must be one of Basic, Standard, Premium (found "premium"). Choose one of them',
      'serviceBus.namespace.ipRules.0: must be an IPv4 address or range (found "300.1.1.1"). Give an address such as 203.0.113.7, or a range such as 203.0.113.0/28',
      'pipelines.renders.source.queue: is not a queue of serviceBus (found "render"). Use one of renders, volumes, volumes-replies, graveyard',
      'producers.studio.grants.0.queue: is not a queue of serviceBus (found "render"). Use one of renders, volumes, volumes-replies, graveyard',
    ],
  ],
  [
    "a lock under which no grant can be made, and a second region that is the first",
    [
      [p("serviceBus/namespace/lock/level"), "ReadOnly"],
      [p("serviceBus/namespace/autoscale"), undefined],
      [p("serviceBus/namespace/disasterRecovery/location"), "West Europe"],
    ],
    [
      'serviceBus.namespace.disasterRecovery.location: must be another region than the namespace\'s own (found "West Europe"). Choose a second one',
      'serviceBus.namespace.lock.level: keeps the pipelines\' grants on the entities from being made (found "ReadOnly"). Set it to CanNotDelete',
    ],
  ],
  [
    "a queue name that Azure refuses",
    [[p("serviceBus/queues/renders!"), {}]],
    [
      'serviceBus.queues.renders!: must be named with 1 to 260 letters, digits, . - _ or /, beginning with a letter or digit and ending with one or _ (found "renders!"). Rename it',
    ],
  ],
  [
    "a source that is not there",
    [[p("pipelines/renders/source"), { queue: "render" }]],
    [
      'pipelines.renders.source.queue: is not a queue of serviceBus (found "render"). Use one of renders, volumes, volumes-replies, graveyard',
    ],
  ],
  [
    "a subscription that is not there",
    [[p("pipelines/telemetry/source"), { topic: "events", subscription: "reading" }]],
    [
      'pipelines.telemetry.source.subscription: is not a subscription of events (found "reading"). Use one of readings, audit',
    ],
  ],
  [
    "two pipelines on one source, which would share its messages",
    [[p("pipelines/telemetry/source"), { queue: "renders" }]],
    [
      'pipelines.telemetry.source.queue: is the source of pipelines.renders as well, so that each would get a part of the messages (found "renders"). Give each a subscription of one topic',
    ],
  ],
  [
    "a source that forwards its messages",
    [[p("serviceBus/queues/renders/forwardTo"), "graveyard"]],
    ['pipelines.renders.source.queue: moves every message on to graveyard (found "renders"). Use graveyard'],
  ],
  [
    "replies to nowhere, and to the pipeline itself",
    [[p("pipelines/volumes/replyQueues"), ["answers", "volumes"]]],
    [
      'pipelines.volumes.replyQueues.0: is not a queue of serviceBus (found "answers"). Use one of renders, volumes, volumes-replies, graveyard',
      'pipelines.volumes.replyQueues.1: is the pipeline\'s own source: replies would come back as requests (found "volumes"). Use another',
    ],
  ],
  [
    "a LINSTOR pipeline on a queue without sessions",
    [[p("serviceBus/queues/volumes/requiresSession"), false]],
    [
      "pipelines.volumes.source.sessions: must be true for LINSTOR: commands on one volume share a session (found false). Use a queue with requiresSession",
    ],
  ],
  [
    "a job that takes longer than its message may",
    [[p("pipelines/renders/delivery/maxProcessingSeconds"), 60]],
    [
      "pipelines.renders.sink.gluster.job.timeoutSeconds: must be at most delivery.maxProcessingSeconds, 60, after which the lock is given up (found 1800). Lower it, or raise maxProcessingSeconds",
    ],
  ],
  [
    "stores that do not have what a pipeline writes to",
    [
      [p("pipelines/renders/sink/gluster/volume"), "result"],
      [p("pipelines/volumes/sink/linstor/resourceGroup"), "volume"],
      [p("pipelines/telemetry/sink/cassandra/table/keyspace"), "metrics"],
    ],
    [
      'pipelines.renders.sink.gluster.volume: is not a volume of storage.gluster (found "result"). Use one of results, or add it to storage.gluster.volumes',
      'pipelines.volumes.sink.linstor.resourceGroup: is not a resource group of storage.linstor (found "volume"). Use one of volumes, or add it to storage.linstor.resourceGroups',
      "pipelines.telemetry.sink.cassandra.replication: must name at least one datacenter (found {}). Give { dc1: 3 }",
      'pipelines.telemetry.sink.cassandra.table.keyspace: is not a keyspace of storage.cassandra (found "metrics"). Use one of telemetry, or add it to storage.cassandra.replication',
    ],
  ],
  [
    "no store at all",
    [[p("storage"), undefined]],
    [
      'pipelines.renders.sink.gluster.volume: is not a volume of storage.gluster (found "results"). Add it to storage.gluster.volumes',
      'pipelines.volumes.sink.linstor: has no LINSTOR to go to (found "volumes"). Give storage.linstor or endpoints.linstor',
      "pipelines.telemetry.sink.cassandra.replication: must name at least one datacenter (found {}). Give { dc1: 3 }",
      'pipelines.telemetry.sink.cassandra: has no Cassandra to go to (found "telemetry"). Give storage.cassandra or endpoints.cassandra',
    ],
  ],
  [
    "replicas of a keyspace that the ring is not planned for",
    [[p("pipelines/telemetry/sink/cassandra/replication"), { westeurope: 5 }]],
    [
      'pipelines.telemetry.sink.cassandra.replication: must be 3 in westeurope, as storage.cassandra plans telemetry (found {"westeurope":5}). Leave it out, or change storage.cassandra',
    ],
  ],
  [
    "a volume that no pod can mount, and claims in another namespace",
    [[p("storage/gluster/access"), undefined]],
    [
      'pipelines.renders.sink.gluster.volume: cannot be mounted: storage.gluster.access is missing (found "results"). Give access, with nodeMount or csi',
    ],
  ],
  [
    "claims in another namespace than the workers",
    [[p("storage/gluster/access/claimNamespace"), "files"]],
    [
      'storage.gluster.access.claimNamespace: must be the workers\' namespace, stowage: a pod mounts only claims of its own (found "files"). Give the same name as in namespace.name',
    ],
  ],
  [
    "bricks that the replica set does not divide, in the words of the store's own component",
    [[p("storage/gluster/volumes/results/bricks"), ["a1", "b1", "c1", "a2"]]],
    [expect.stringMatching(/^storage\.gluster\.volumes\.results\.bricks: .*4/) as unknown as string],
  ],
  [
    "a count beside scaling, and a scaling that cannot be",
    [
      [p("pipelines/renders/replicas"), 3],
      [p("pipelines/renders/scaling/minReplicas"), 61],
    ],
    [
      "pipelines.renders.scaling.minReplicas: must be at most maxReplicas, 60 (found 61). Lower it, or raise maxReplicas",
      "pipelines.renders.replicas: goes without scaling, which counts replicas itself (found 3). Remove one of the two",
    ],
  ],
  [
    "a pipeline name that Kubernetes refuses",
    [[p("pipelines/Renders"), { source: { queue: "graveyard" }, sink: { linstor: {} } }]],
    [
      'pipelines.Renders.name: must be 1 to 40 lower-case letters, digits or -, the first a letter (found "Renders"). Use a DNS label',
      "pipelines.Renders.sink.linstor.resourceGroup: is missing; it must be 2 to 48 letters, digits, _ or -. Use a LINSTOR resource group's name",
      "pipelines.Renders.sink.linstor.maxSizeKib: is missing; it must be a whole number from 4 to 1125899906842624 KiB. Give a number in that range",
      "pipelines.Renders.sink.linstor.resourceGroup: is not a resource group of storage.linstor. Use one of volumes, or add it to storage.linstor.resourceGroups",
    ],
  ],
  [
    "a cluster id that is none",
    [[p("cluster/id"), "aks-prod"]],
    [
      'cluster.id: must be the resource id of an AKS cluster (found "aks-prod"). Give /subscriptions/…/resourceGroups/…/providers/Microsoft.ContainerService/managedClusters/…',
    ],
  ],
  [
    "an operator from nowhere",
    [[p("operators/keda"), "helm"]],
    ['operators.keda: must be one of install, existing (found "helm"). Choose one of them'],
  ],
];

describe("an integration's args", () => {
  it.each(environments)("have no problem in %s", (environment) => {
    expect(lines(argsOf(environment))).toEqual([]);
  });

  it.each(refused)("are refused with %s", (_, changes, expected) => {
    expect(lines(prodWith(...changes))).toEqual(expected);
  });

  it("are refused with everything that is wrong in every part, at once", () => {
    const paths = integrationProblems(
      "stowage",
      prodWith(
        [p("image"), "worker:latest"],
        [p("namespace/name"), "Stowage"],
        [p("serviceBus/queues/renders/maxDeliveryCount"), 0],
        [p("storage/cassandra/size"), 8],
        [p("storage/linstor/resourceGroups/volumes/placeCount"), 33],
        [p("pipelines/renders/delivery/attempts"), 21],
      ),
    ).map((problem) => problem.path);
    for (const path of [
      "image",
      "namespace.name",
      "serviceBus.queues.renders.maxDeliveryCount",
      "storage.cassandra.size",
      "storage.linstor.resourceGroups.volumes.placeCount",
      "pipelines.renders.delivery.attempts",
    ])
      expect(paths).toContain(path);
  });

  it("are answered with problems, never with a crash, whatever stands where", { timeout: 120_000 }, () => {
    const paths = pathsOf(prod);
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue({ maxDepth: 2 }), (path, value) => {
        const args = structuredClone(prod);
        set(args, path, value);
        for (const problem of integrationProblems("stowage", args)) {
          expect(problem.reason).not.toBe("");
          expect(problem.fix).not.toBe("");
        }
      }),
      { numRuns: RUNS },
    );
  });
});

/** Every path of a value, of objects and lists as of what is in them. */
function pathsOf(value: unknown, at: (string | number)[] = []): (string | number)[][] {
  if (value === null || typeof value !== "object") return [at];
  const inner = Object.entries(value).flatMap(([key, entry]) => pathsOf(entry, [...at, key]));
  return at.length === 0 ? inner : [at, ...inner];
}
