import * as batch from "@pulumi/kubernetes/batch/v1";
import type { input as inputs } from "@pulumi/kubernetes/types/index.js";
import type * as pulumi from "@pulumi/pulumi";

/** Tries of the schema job. The ring may still be starting: with Kubernetes' back-off they take about an hour. */
const SCHEMA_TRIES = 14;
/** Tries where it only looks: what is missing does not come by itself. */
const LOOKS = 3;
/** Limit of the schema job as a whole, in seconds. */
const SCHEMA_DEADLINE_SECONDS = 3_600;

/**
 * Registers the job that makes a pipeline's table before its first worker starts, or `looks` whether it is there. It is
 * waited for until it is done.
 */
export function registerSchemaJob(
  parent: pulumi.Resource,
  name: string,
  metadata: inputs.meta.v1.ObjectMeta,
  template: inputs.core.v1.PodTemplateSpec,
  dependsOn: pulumi.Resource[],
  looks = false,
): batch.Job {
  return new batch.Job(
    `${name}-schema`,
    {
      metadata,
      spec: { backoffLimit: looks ? LOOKS : SCHEMA_TRIES, activeDeadlineSeconds: SCHEMA_DEADLINE_SECONDS, template },
    },
    {
      parent,
      dependsOn,
      // A job's pods cannot be changed: another table is another run, and its name is free only without the old one.
      deleteBeforeReplace: true,
      replaceOnChanges: ["spec.template"],
      customTimeouts: { create: `${SCHEMA_DEADLINE_SECONDS}s` },
    },
  );
}
