import * as batch from "@pulumi/kubernetes/batch/v1";
import * as core from "@pulumi/kubernetes/core/v1";
import * as networking from "@pulumi/kubernetes/networking/v1";
import * as rbac from "@pulumi/kubernetes/rbac/v1";
import type * as pulumi from "@pulumi/pulumi";
import type { WorkerArgs } from "../args.js";
import { administratorFiles, schemaChecksum } from "../configuration.js";
import { objectLabels } from "../render.js";
import { roleSecretName } from "./access.js";
import {
  type AdministeredRing,
  administratorSchemaPod,
  bindingOf,
  jobsName,
  jobsPolicySpec,
  rotationSpec,
  secretRules,
} from "./jobs.js";
import { registerSchemaJob } from "./schemaJob.js";

/**
 * Registers what administers the ring for a pipeline: in the workers' namespace the secret with the pipeline's role, made
 * empty and filled by the jobs, and the right to fill it; in the administrator's the jobs and what they run as. Gives what
 * a worker must wait for.
 */
export function registerAdministration(
  parent: pulumi.Resource,
  name: string,
  args: WorkerArgs,
  ring: AdministeredRing,
): pulumi.Resource[] {
  const { pipeline } = args;
  const { namespace } = ring.administrator;
  const files = administratorFiles(args);
  if (files === undefined) return [];
  const labels = objectLabels(pipeline);
  const metadata = { name: jobsName(pipeline), namespace, labels };

  const secret = new core.Secret(
    `${name}-cassandra`,
    { metadata: { name: roleSecretName(pipeline), namespace: args.namespace, labels }, type: "Opaque" },
    // What is in it is the jobs': no value of it is ever an input here, and no update takes it away.
    { parent, ignoreChanges: ["data", "stringData"] },
  );
  const account = new core.ServiceAccount(
    `${name}-schema`,
    { metadata, automountServiceAccountToken: false },
    { parent },
  );
  const before = [
    secret,
    account,
    new core.ConfigMap(`${name}-schema`, { metadata, data: { ...files } }, { parent }),
    new networking.NetworkPolicy(`${name}-schema`, { metadata, spec: jobsPolicySpec(args) }, { parent }),
    ...rights(parent, name, args, ring),
  ];
  const digest = schemaChecksum(files, pipeline);
  const schema = registerSchemaJob(parent, name, metadata, administratorSchemaPod(args, ring, digest), before);
  // Before the schema job there is no role to rotate.
  new batch.CronJob(
    `${name}-rotation`,
    { metadata: { ...metadata, name: `${pipeline.name}-rotation` }, spec: rotationSpec(args, ring) },
    { parent, dependsOn: [...before, schema] },
  );
  return [secret, schema];
}

/** The jobs' rights: on the pipeline's secret, on the reader's where there is one, and on nothing else. */
function rights(parent: pulumi.Resource, name: string, args: WorkerArgs, ring: AdministeredRing): pulumi.Resource[] {
  const { pipeline } = args;
  const { namespace, reader } = ring.administrator;
  const grant = (
    suffix: string,
    role: string,
    where: pulumi.Input<string>,
    secret: pulumi.Input<string>,
  ): pulumi.Resource[] => {
    const metadata = { name: role, namespace: where, labels: objectLabels(pipeline) };
    return [
      new rbac.Role(`${name}-${suffix}`, { metadata, rules: secretRules(secret) }, { parent }),
      new rbac.RoleBinding(`${name}-${suffix}`, { metadata, ...bindingOf(pipeline, role, namespace) }, { parent }),
    ];
  };
  return [
    ...grant("schema", jobsName(pipeline), args.namespace, roleSecretName(pipeline)),
    ...(reader === undefined ? [] : grant("schema-reader", `${jobsName(pipeline)}-reader`, namespace, reader)),
  ];
}
