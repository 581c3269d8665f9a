import * as batch from "@pulumi/kubernetes/batch/v1";
import * as core from "@pulumi/kubernetes/core/v1";
import * as rbac from "@pulumi/kubernetes/rbac/v1";
import * as pulumi from "@pulumi/pulumi";
import { KUBERNETES_PATH, kubernetesMount, secretRules } from "../worker/cassandra/jobs.js";
import { container, podSpec } from "../worker/render.js";
import type { CassandraRingArgs } from "./args.js";
import { ringNames } from "./names.js";

/** Tries of the job. */
const TRIES = 4;
/** Seconds that it may take in all. */
const DEADLINE_SECONDS = 300;
/** What it may use: it reads one secret and writes it. */
const RESOURCES = { cpu: "50m", memory: "128Mi" };

/**
 * Registers the secret with the password of the nodes' key stores and the job that generates it in the cluster, so that
 * Pulumi never knows it. The job fills what is empty and never replaces a password, however often it runs.
 */
export function registerKeystorePassword(
  parent: pulumi.Resource,
  name: string,
  { clusterName, namespace, image = "" }: CassandraRingArgs,
  labels: { [label: string]: pulumi.Input<string> },
): pulumi.Resource[] {
  const { keystoreSecret, keystoreJob } = ringNames(clusterName);
  const metadata = { name: keystoreJob, namespace, labels };
  const secret = new core.Secret(
    `${name}-keystore`,
    { metadata: { name: keystoreSecret, namespace, labels }, type: "Opaque" },
    // What is in it is the job's: no value of it is ever an input here, and no update takes it away.
    { parent, ignoreChanges: ["data", "stringData"] },
  );
  const account = new core.ServiceAccount(
    `${name}-keystore`,
    { metadata, automountServiceAccountToken: false },
    { parent },
  );
  const role = new rbac.Role(`${name}-keystore`, { metadata, rules: secretRules(keystoreSecret) }, { parent });
  const binding = new rbac.RoleBinding(
    `${name}-keystore`,
    {
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: keystoreJob },
      subjects: [{ kind: "ServiceAccount", name: keystoreJob, namespace }],
    },
    { parent },
  );
  const mounted = [kubernetesMount()];
  const publish = pulumi.interpolate`${namespace}/${keystoreSecret}`;
  const job = new batch.Job(
    `${name}-keystore`,
    {
      metadata,
      spec: {
        backoffLimit: TRIES - 1,
        activeDeadlineSeconds: DEADLINE_SECONDS,
        template: {
          metadata: { labels: { ...labels, "app.kubernetes.io/name": "stowage-keystore" } },
          spec: {
            ...podSpec({ serviceAccountName: keystoreJob }, mounted, [
              {
                ...container({ image, resources: RESOURCES }, mounted),
                args: ["password", "--publish", publish, "--kubernetes", KUBERNETES_PATH],
              },
            ]),
            restartPolicy: "Never",
          },
        },
      },
    },
    // A job's pods cannot be changed: another image is another job of the same name.
    { parent, dependsOn: [secret, account, role, binding], deleteBeforeReplace: true, replaceOnChanges: ["spec"] },
  );
  return [job];
}
