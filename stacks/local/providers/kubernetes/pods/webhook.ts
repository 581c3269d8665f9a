import type { KubernetesObject } from "../object.js";
import type { Container, PodTemplate, Volume } from "./template.js";

/** What the workload identity webhook of a cluster is installed with. */
export interface WorkloadIdentityWebhook {
  /** Tenant of the identities, unless the service account names another. */
  tenantId: string;
  /** Where tokens are exchanged: `https://login.microsoftonline.com/`. */
  authorityHost: string;
}

const PREFIX = "azure.workload.identity";
/** The label of pods that asks for the identity. */
const USE = `${PREFIX}/use`;
const CLIENT_ID = `${PREFIX}/client-id`;
const TENANT_ID = `${PREFIX}/tenant-id`;
const EXPIRATION = `${PREFIX}/service-account-token-expiration`;
const SKIP = `${PREFIX}/skip-containers`;

/** The only audience that Entra takes in an exchange. */
const AUDIENCE = "api://AzureADTokenExchange";
const VOLUME = "azure-identity-token";
const MOUNT_PATH = "/var/run/secrets/azure/tokens";
const FILE = "azure-identity-token";
/** Seconds that the projected token holds: default, and the range that the webhook takes. */
const EXPIRATION_SECONDS = { default: 3_600, least: 3_600, most: 86_400 } as const;

/**
 * The pod as the workload identity webhook lets it in: where the pod template has the label and the service account the
 * annotation, every container gets the token's file and the variables by which the Azure SDKs find it. Variables that
 * a container states itself stay. Otherwise the pod is as it was.
 * Throws where an annotation asks for a token that holds too short or too long: the webhook refuses such a pod.
 */
export function injectWorkloadIdentity(
  template: PodTemplate,
  serviceAccount: KubernetesObject | undefined,
  webhook: WorkloadIdentityWebhook,
): PodTemplate {
  const { labels, annotations } = template.metadata;
  const account = serviceAccount?.metadata.annotations ?? {};
  const clientId = account[CLIENT_ID];
  if (labels[USE] !== "true" || clientId === undefined || clientId === "") return template;
  const variables = {
    AZURE_CLIENT_ID: clientId,
    AZURE_TENANT_ID: account[TENANT_ID] ?? webhook.tenantId,
    AZURE_FEDERATED_TOKEN_FILE: `${MOUNT_PATH}/${FILE}`,
    AZURE_AUTHORITY_HOST: webhook.authorityHost,
  };
  const skipped = (annotations[SKIP] ?? "").split(";").map((name) => name.trim());
  const into = (container: Container) => (skipped.includes(container.name) ? container : inject(container, variables));
  const { spec } = template;
  return {
    ...template,
    spec: {
      ...spec,
      initContainers: spec.initContainers.map(into),
      containers: spec.containers.map(into),
      volumes: [...spec.volumes, tokenVolume(expiration(annotations[EXPIRATION] ?? account[EXPIRATION]))],
    },
  };
}

function inject(container: Container, variables: Record<string, string>): Container {
  const given = new Set(container.env.map(({ name }) => name));
  const added = Object.entries(variables).filter(([name]) => !given.has(name));
  return {
    ...container,
    env: [...container.env, ...added.map(([name, value]) => ({ name, value }))],
    volumeMounts: [...container.volumeMounts, { name: VOLUME, mountPath: MOUNT_PATH, readOnly: true }],
  };
}

function tokenVolume(expirationSeconds: number): Volume {
  const serviceAccountToken = { audience: AUDIENCE, expirationSeconds, path: FILE };
  return { name: VOLUME, projected: { sources: [{ serviceAccountToken }] } };
}

function expiration(annotation: string | undefined): number {
  if (annotation === undefined || annotation === "") return EXPIRATION_SECONDS.default;
  const { least, most } = EXPIRATION_SECONDS;
  const seconds = Number(annotation);
  if (Number.isInteger(seconds) && seconds >= least && seconds <= most) return seconds;
  throw new Error(`${EXPIRATION} must be a whole number from ${least} to ${most} seconds (found ${annotation})`);
}
