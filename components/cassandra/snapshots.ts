import * as apiextensions from "@pulumi/kubernetes/apiextensions";
import type * as pulumi from "@pulumi/pulumi";
import { defined, type Problem, problem } from "../../runtime/contract/index.js";
import type { CassandraRingArgs } from "./args.js";
import { claimName, cleanName, LABELS } from "./names.js";
import { nodesPerRack } from "./plan.js";

const API = "snapshot.storage.k8s.io/v1";
const DRIVER = "disk.csi.azure.com";
/** Kubernetes' limit for a name. */
const LONGEST_NAME = 253;

/** The claims of every disk of the ring in the Kubernetes cluster of the program. */
export function claimsOf(args: CassandraRingArgs): string[] {
  const datacenters = [{ ...args, name: args.datacenter }, ...(args.otherDatacenters ?? [])];
  return datacenters
    .filter(({ k8sContext }) => k8sContext === undefined)
    .flatMap((datacenter) =>
      datacenter.racks.flatMap((rack) =>
        Array.from({ length: nodesPerRack(datacenter) }, (_, node) =>
          claimName(args.clusterName, datacenter.name, rack.name, node),
        ),
      ),
    );
}

/**
 * Registers the class of the ring's snapshots, which keeps what it took, and a snapshot of every disk for each name.
 * The disks are taken one by one, each as after a loss of power: a node replays its commit log, and a repair brings
 * together what fell between two of them.
 */
export function registerSnapshots(
  parent: pulumi.Resource,
  name: string,
  args: CassandraRingArgs,
  ring: pulumi.Resource,
): void {
  const { snapshots, namespace } = args;
  if (snapshots === undefined) return;
  const className = `${cleanName(args.clusterName)}-snapshots`;
  const snapshotClass = new apiextensions.CustomResource(
    `${name}-snapshots`,
    {
      apiVersion: API,
      kind: "VolumeSnapshotClass",
      metadata: { name: className, labels: LABELS },
      ...defined({ driver: snapshots.driver ?? DRIVER, parameters: snapshots.parameters }),
      deletionPolicy: "Retain",
    },
    { parent },
  );
  for (const snapshot of snapshots.names ?? [])
    for (const claim of claimsOf(args))
      new apiextensions.CustomResource(
        `${name}-${snapshot}-${claim}`,
        {
          apiVersion: API,
          kind: "VolumeSnapshot",
          metadata: {
            name: `${snapshot}-${claim}`,
            namespace,
            labels: { ...LABELS, "stowage.dev/snapshot": snapshot },
          },
          spec: { volumeSnapshotClassName: className, source: { persistentVolumeClaimName: claim } },
        },
        // What was taken stays as it is, whatever becomes of the node.
        { parent, dependsOn: [snapshotClass, ring], ignoreChanges: ["spec"] },
      );
}

/** Names that would be taken twice, or are too long together with a claim's. */
export function snapshotProblems(args: CassandraRingArgs): Problem[] {
  const names = args.snapshots?.names ?? [];
  const longest = Math.max(0, ...claimsOf(args).map((claim) => claim.length));
  return names.flatMap((name, i) => {
    const path = `snapshots.names.${i}`;
    if (names.indexOf(name) < i)
      return [problem(path, name, `is the name of snapshot ${names.indexOf(name)} as well`, "Give each its own")];
    if (name.length + 1 + longest <= LONGEST_NAME) return [];
    return [problem(path, name, `is too long together with a claim's name, ${LONGEST_NAME} in all`, "Shorten it")];
  });
}
