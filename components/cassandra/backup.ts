import * as apiextensions from "@pulumi/kubernetes/apiextensions";
import type * as pulumi from "@pulumi/pulumi";
import { type Problem, problem } from "../../runtime/contract/index.js";
import { type CassandraBackupArgs, CassandraOperator, type CassandraRingArgs } from "./args.js";
import { cleanName, LABELS } from "./names.js";

/** Backups every night at one, kept for a week. */
const DEFAULTS = { schedule: "0 1 * * *", keep: 7 };

/** Medusa beside every node, to Azure Blob Storage. */
export function medusaSpec(args: CassandraRingArgs, backup: CassandraBackupArgs): object {
  return {
    storageProperties: {
      storageProvider: "azure_blobs",
      credentialsType: "credential-based",
      storageSecretRef: { name: backup.credentialsSecret },
      bucketName: backup.container,
      prefix: backup.prefix ?? cleanName(args.clusterName),
      maxBackupCount: backup.keep ?? DEFAULTS.keep,
    },
    // It speaks to its node as any client does.
    ...((args.tls ?? true) ? { certificatesSecretRef: { name: backup.certificatesSecret } } : {}),
  };
}

/** Registers a schedule of backups for each datacenter. */
export function registerBackups(
  parent: pulumi.Resource,
  name: string,
  args: CassandraRingArgs,
  ring: pulumi.Resource,
): void {
  const { backup, namespace } = args;
  if (backup === undefined) return;
  for (const datacenter of [args.datacenter, ...(args.otherDatacenters ?? []).map((each) => each.name)])
    new apiextensions.CustomResource(
      `${name}-backup-${datacenter}`,
      {
        apiVersion: "medusa.k8ssandra.io/v1alpha1",
        kind: "MedusaBackupSchedule",
        metadata: { name: `${cleanName(args.clusterName)}-${datacenter}`, namespace, labels: LABELS },
        spec: {
          cronSchedule: backup.schedule ?? DEFAULTS.schedule,
          backupSpec: { cassandraDatacenter: datacenter, backupType: "differential" },
        },
      },
      { parent, dependsOn: [ring] },
    );
}

/** What Medusa under this operator cannot do. */
export function backupProblems({
  backup,
  operator,
  tls = true,
  otherDatacenters = [],
  k8sContext,
}: CassandraRingArgs): Problem[] {
  if (backup === undefined) return [];
  if (operator === CassandraOperator.CassOperator)
    return [
      problem("backup", backup.container, "needs Medusa, which k8ssandra-operator alone has", "Give snapshots instead"),
    ];
  const found: Problem[] = [];
  if (backup.credentialsSecret === undefined)
    found.push(
      problem(
        "backup.credentialsSecret",
        undefined,
        "is missing: k8ssandra-operator lets Medusa go without a stored key to S3 alone, not to Azure Blob Storage by " +
          "workload identity",
        "Give snapshots, which store no key, instead of backup; or a secret of your own with a key of the storage account",
      ),
    );
  if (tls && backup.certificatesSecret === undefined)
    found.push(
      problem(
        "backup.certificatesSecret",
        undefined,
        "is missing: the nodes take TLS only, and Medusa reads its certificate under names of its own, which " +
          "cert-manager does not write",
        "Give a secret with rootca.crt, client.crt_signed and client.key, signed by the ring's issuer; or give snapshots",
      ),
    );
  if ([{ k8sContext }, ...otherDatacenters].some((each) => each.k8sContext !== undefined))
    found.push(
      problem(
        "backup",
        backup.container,
        "has its schedule in the Kubernetes cluster of the operator, and cannot reach datacenters of another k8sContext",
        "Leave it out, and schedule Medusa in each cluster",
      ),
    );
  return found;
}
