import * as apps from "@pulumi/kubernetes/apps/v1";
import * as kubernetes from "@pulumi/kubernetes/core/v1";
import type { input as inputs } from "@pulumi/kubernetes/types/index.js";
import * as pulumi from "@pulumi/pulumi";
import { defined, type Problem } from "../../runtime/contract/index.js";
import { problemsOf, text } from "../../runtime/contract/zod.js";
import { checked } from "../support/inputs.js";
import type { GlusterAccessArgs, GlusterNodeMountArgs, GlusterVolumePlan } from "./args.js";
import { hostsOf, MOUNT_ROOT } from "./plan.js";

/** Says on a persistent volume which Gluster volume it is: what mounts it by other means finds it by this. */
export const VOLUME_ANNOTATION = "stowage.dev/gluster-volume";
/**
 * What a claim asks for. It is bound by name, and gets the whole volume; were it the capacity, then a grown volume would
 * replace its claim, since Kubernetes grows claims of dynamic volumes only.
 */
const CLAIMED = "1Gi";
const DEFAULT_NAMESPACE = "stowage-gluster";

/**
 * What the mount container runs. It takes away a mount that a killed predecessor left behind, and then becomes the
 * client itself: the container lives as long as the mount. TARGET, VOLUME and SERVERS come from its environment.
 */
const MOUNT_SCRIPT = [
  'umount -l "$TARGET" 2>/dev/null || true',
  'mkdir -p "$TARGET"',
  'for server in $SERVERS; do set -- "$@" "--volfile-server=$server"; done',
  'exec glusterfs --no-daemon --process-name=fuse --log-file=/dev/stderr "$@" "--volfile-id=/$VOLUME" "$TARGET"',
].join("\n");

/** Where to reach the hosts, by name. */
export interface Addresses {
  [host: string]: pulumi.Output<string>;
}

/** Registers claims and volumes, and what mounts them. The names of the claims, by volume. */
export function registerAccess(
  parent: pulumi.Resource,
  name: string,
  access: GlusterAccessArgs,
  plans: GlusterVolumePlan[],
  addresses: Addresses,
): { [volume: string]: pulumi.Output<string> } {
  if (access.nodeMount !== undefined) registerMounts(parent, name, access.nodeMount, plans, addresses);
  return Object.fromEntries(plans.map((plan) => [plan.name, registerClaim(parent, name, access, plan)]));
}

const labelsOf = (name: string) => ({ "app.kubernetes.io/part-of": "stowage", "stowage.dev/gluster-cluster": name });

function registerMounts(
  parent: pulumi.Resource,
  name: string,
  mount: GlusterNodeMountArgs,
  plans: GlusterVolumePlan[],
  addresses: Addresses,
): void {
  const namespace = mount.namespace ?? DEFAULT_NAMESPACE;
  const created =
    mount.createNamespace === false
      ? []
      : [
          new kubernetes.Namespace(
            `${name}-${namespace}`,
            {
              metadata: {
                name: namespace,
                labels: {
                  ...labelsOf(name),
                  // A mount that the node is to see needs a privileged container; nothing else belongs here.
                  "pod-security.kubernetes.io/enforce": "privileged",
                },
              },
            },
            { parent },
          ),
        ];
  for (const plan of plans) {
    const labels = { ...labelsOf(name), "stowage.dev/gluster-volume": plan.name };
    new apps.DaemonSet(
      `${name}-mount-${plan.name}`,
      {
        metadata: {
          name: `${name}-mount-${plan.name}`,
          namespace,
          labels,
          // Its pods are ready once the volume exists, and that is not for this program to wait for.
          annotations: { "pulumi.com/skipAwait": "true" },
        },
        spec: {
          selector: { matchLabels: labels },
          // One node at a time: the mount goes away below the pods that use it, and comes back.
          updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } },
          template: { metadata: { labels }, spec: mountPod(mount, plan, addresses) },
        },
      },
      { parent, dependsOn: created },
    );
  }
}

function mountPod(mount: GlusterNodeMountArgs, plan: GlusterVolumePlan, addresses: Addresses): inputs.core.v1.PodSpec {
  const target = `${MOUNT_ROOT}/${plan.name}`;
  const servers = pulumi.all(hostsOf(plan).flatMap((host) => addresses[host] ?? [])).apply((known) => known.join(" "));
  return {
    // The firewall of the hosts knows the nodes, and not every network of pods.
    hostNetwork: true,
    automountServiceAccountToken: false,
    priorityClassName: "system-node-critical",
    nodeSelector: { "kubernetes.io/os": "linux", ...mount.nodeSelector },
    tolerations: [{ operator: "Exists" }],
    containers: [
      {
        name: "mount",
        image: checked(`Image of the mount of volume "${plan.name}"`, mount.image, imageProblems),
        command: ["/bin/sh", "-ec", MOUNT_SCRIPT],
        env: [
          { name: "TARGET", value: target },
          { name: "VOLUME", value: plan.name },
          { name: "SERVERS", value: servers },
        ],
        securityContext: { privileged: true },
        resources: { requests: { cpu: "50m", memory: "128Mi" }, limits: { memory: "1Gi" } },
        // No liveness probe: a store that hangs is no reason to tear the mount from under its users.
        readinessProbe: {
          exec: { command: ["/bin/sh", "-c", 'mountpoint -q "$TARGET"'] },
          periodSeconds: 10,
          timeoutSeconds: 5,
        },
        volumeMounts: [{ name: "volumes", mountPath: MOUNT_ROOT, mountPropagation: "Bidirectional" }],
      },
    ],
    volumes: [{ name: "volumes", hostPath: { path: MOUNT_ROOT, type: "DirectoryOrCreate" } }],
  };
}

const DIGEST = text(
  /@sha256:[0-9a-f]{64}$/,
  "an image by digest, name@sha256:…",
  "Pin it: a tag can come to mean another image",
);

function imageProblems(image: string): Problem[] {
  return problemsOf(DIGEST, image).map((found) => ({ ...found, path: "access.nodeMount.image" }));
}

/** Registers the persistent volume of one Gluster volume and the claim that is bound to it, and to it alone. */
function registerClaim(
  parent: pulumi.Resource,
  name: string,
  access: GlusterAccessArgs,
  plan: GlusterVolumePlan,
): pulumi.Output<string> {
  const claimName = `${name}-${plan.name}`;
  const csiVolume = access.csi?.volumes[plan.name];
  const source =
    access.csi !== undefined && csiVolume !== undefined
      ? {
          csi: defined({
            driver: access.csi.driver,
            volumeHandle: csiVolume.volumeHandle,
            volumeAttributes: csiVolume.volumeAttributes,
          }),
        }
      : { hostPath: { path: `${MOUNT_ROOT}/${plan.name}` } };
  const common = {
    accessModes: ["ReadWriteMany"],
    storageClassName: "",
    volumeMode: "Filesystem",
  };
  const metadata = {
    name: claimName,
    labels: labelsOf(name),
    annotations: { [VOLUME_ANNOTATION]: plan.name },
  };
  const volume = new kubernetes.PersistentVolume(
    claimName,
    {
      metadata,
      spec: {
        ...common,
        capacity: { storage: `${plan.capacityGb}Gi` },
        persistentVolumeReclaimPolicy: "Retain",
        claimRef: {
          apiVersion: "v1",
          kind: "PersistentVolumeClaim",
          name: claimName,
          namespace: access.claimNamespace,
        },
        ...source,
      },
    },
    // Kubernetes changes neither on a volume that exists.
    { parent, deleteBeforeReplace: true, replaceOnChanges: ["spec.hostPath", "spec.csi"] },
  );
  const claim = new kubernetes.PersistentVolumeClaim(
    claimName,
    {
      metadata: { ...metadata, namespace: access.claimNamespace },
      spec: { ...common, volumeName: volume.metadata.name, resources: { requests: { storage: CLAIMED } } },
    },
    { parent },
  );
  return claim.metadata.name;
}
