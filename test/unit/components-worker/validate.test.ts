import { describe, expect, it } from "vitest";
import { type WorkerArgs, workerProblems } from "../../../components/worker/index.js";
import { formatProblem, pipelineProblems } from "../../../runtime/contract/index.js";
import { pipelineTo } from "../support/pipelines.js";

const image = `registry.example/stowage-worker@sha256:${"a".repeat(64)}`;
const sound: WorkerArgs = {
  namespace: "stowage",
  pipeline: pipelineTo("gluster"),
  connection: { fullyQualifiedNamespace: "contoso.servicebus.windows.net", clientId: "id" },
  image,
  serviceAccountName: "renders",
  volumeClaim: "results",
};
const autoscaling = {
  minReplicas: 1,
  maxReplicas: 20,
  messagesPerReplica: 50,
  identityClientId: "id",
  serviceBusNamespace: "contoso",
};

const refused: [string, Partial<WorkerArgs>, string[]][] = [
  [
    "an image by tag",
    { image: "registry.example/stowage-worker:1.0" },
    [
      'image: must be an image by digest, name@sha256:<64 hexadecimal digits> (found "registry.example/stowage-worker:1.0"). Give the digest that the push printed; a tag could come to mean another image',
    ],
  ],
  [
    "a count beside an autoscaler",
    { replicas: 3, autoscaling },
    ["replicas: goes without autoscaling, which counts replicas itself (found 3). Remove one of the two"],
  ],
  [
    "more replicas at least than at most",
    { autoscaling: { ...autoscaling, minReplicas: 21 } },
    ["autoscaling.minReplicas: must be at most maxReplicas, 20 (found 21). Lower it, or raise maxReplicas"],
  ],
  [
    "a polling that Azure would throttle",
    { autoscaling: { ...autoscaling, pollingSeconds: 1 } },
    [
      "autoscaling.pollingSeconds: must be a whole number from 5 to 3600 seconds (found 1). Give a number in that range",
    ],
  ],
  [
    "ranges that are none, that begin elsewhere, or that would mean every address",
    { network: { serviceBusCidrs: ["10.30.2.4"], entraCidrs: ["10.0.0.4/24"], dnsCidrs: [] } },
    [
      'network.serviceBusCidrs.0: must be an IPv4 range that begins at its own address (found "10.30.2.4"). Write it as 10.20.3.0/28; one address is /32',
      'network.entraCidrs.0: must be an IPv4 range that begins at its own address (found "10.0.0.4/24"). Write it as 10.20.3.0/28; one address is /32',
      "network.dnsCidrs: must have at least one range (found []). Leave it out where every address is meant",
    ],
  ],
  [
    "ranges of a store that the pod does not speak to",
    { network: { storeCidrs: ["10.30.8.0/24"] } },
    ["network.storeCidrs: goes without a gluster sink, whose volume the node mounts. Remove it"],
  ],
  [
    "a store in the cluster and outside of it",
    {
      pipeline: pipelineTo("linstor"),
      connection: { ...sound.connection, linstorControllers: ["http://linstor-controller.storage.svc:3370"] },
      network: { storeCidrs: ["10.30.8.0/24"], storeNamespace: "storage" },
    },
    [
      'volumeClaim: belongs to a gluster sink, which this pipeline does not have (found "results"). Remove it',
      'network.storeCidrs: goes without storeNamespace (found ["10.30.8.0/24"]). Say one of the two',
    ],
  ],
  [
    "a quantity that Kubernetes cannot read",
    { resources: { memory: "512 MB", cpu: "0.5" } },
    ['resources.memory: must be memory as Kubernetes writes it (found "512 MB"). Give a quantity such as 512Mi'],
  ],
  [
    "no identity",
    { connection: { fullyQualifiedNamespace: "contoso.servicebus.windows.net" } },
    ["connection.clientId: is missing; without it the worker has no identity. Give the managed identity's client id"],
  ],
  [
    "a claim without a gluster sink, and no controllers for a linstor sink",
    { pipeline: pipelineTo("linstor") },
    [
      'volumeClaim: belongs to a gluster sink, which this pipeline does not have (found "results"). Remove it',
      "connection.linstorControllers: is missing; the linstor sink needs it. Give the URLs of the controllers",
    ],
  ],
];

describe("Worker's args", () => {
  it("have no problem where everything is there", () => {
    expect(workerProblems(sound)).toEqual([]);
    expect(workerProblems({ ...sound, autoscaling })).toEqual([]);
  });

  it.each(refused)("are refused with %s", (_, changed, lines) => {
    expect(workerProblems({ ...sound, ...changed }).map(formatProblem)).toEqual(lines);
  });

  it("are refused with a wrong pipeline in the very words of the worker", () => {
    const { delivery, source } = pipelineTo("gluster");
    const pipeline = pipelineTo("gluster", {
      contractVersion: 2,
      source: { ...source, lockDurationSeconds: 301 },
      delivery: { ...delivery, attempts: 0 },
    });
    const atStart = pipelineProblems(pipeline);
    expect(atStart).toHaveLength(3);
    expect(workerProblems({ ...sound, pipeline }).map(formatProblem)).toEqual(
      atStart.map((problem) => `pipeline.${formatProblem(problem)}`),
    );
  });

  it("are refused without the claim that a gluster sink writes to", () => {
    const { volumeClaim, ...rest } = sound;
    expect(volumeClaim).toBe("results");
    expect(workerProblems(rest).map(formatProblem)).toEqual([
      "volumeClaim: is missing; the gluster sink needs it. Give the claim of the volume",
    ]);
  });

  it("are refused by every key that is misspelt and by what they lack, in whatever they are", () => {
    const { connection } = sound;
    const lines = (args: unknown) => workerProblems(args as WorkerArgs).map(formatProblem);
    expect(
      lines({
        ...sound,
        replica: 3,
        connection: { ...connection, clientID: "id" },
        autoscaling: { ...autoscaling, pollSeconds: 5 },
        monitoring: { namespace: "monitoring", messageAge: { thresholdSeconds: 604_800 } },
      }),
    ).toEqual([
      'connection.clientID: unknown key (found "id"). Did you mean clientId?',
      "autoscaling.pollSeconds: unknown key (found 5). Did you mean pollingSeconds?",
      "replica: unknown key (found 3). Did you mean replicas?",
      "monitoring.messageAge.thresholdSeconds: must be a whole number from 1 to 518400 seconds (six days: the worker's buckets end at a week) (found 604800). Give a number in that range",
    ]);
    const found = workerProblems({ autoscaling: "keda" } as unknown as WorkerArgs).map(({ path }) => path);
    expect(found).toEqual(expect.arrayContaining(["namespace", "connection", "serviceAccountName", "autoscaling"]));
  });

  it("take undefined as left out", () => {
    const open = { ...sound, replicas: undefined, resources: { cpu: undefined }, network: { dnsCidrs: undefined } };
    expect(workerProblems(open as unknown as WorkerArgs)).toEqual([]);
  });
});
