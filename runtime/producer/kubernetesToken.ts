import { decodeJwt } from "jose";
import { StowageError } from "../contract/index.js";
import { type ApiAnswer, apiServerOfPod, askApi, podFile } from "../kubernetes/apiServer.js";
import type { TokenSource } from "./signer.js";

/** How a pod asks for tokens of its own service account. All of it is found in a pod. */
export interface KubernetesTokenOptions {
  /** Seconds that a token holds, 600 to 86400. @default 3600 */
  expirationSeconds?: number;
  /** Folder with `token` and `ca.crt`. @default /var/run/secrets/kubernetes.io/serviceaccount */
  folder?: string;
  /** URL of the API server, https. @default by KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT_HTTPS */
  apiServer?: string;
}

const FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";
const EXPIRATION = { min: 600, max: 86_400, default: 3_600 };

/**
 * Tokens of the pod's own service account by the TokenRequest API, bound to the pod: they end with it. The audience
 * follows from a key that the process makes, so that no projected volume could name it beforehand. The service account
 * needs `create` on `serviceaccounts/token` for itself alone:
 *
 *   rules: [{ apiGroups: [""], resources: ["serviceaccounts/token"], resourceNames: ["checkout"], verbs: ["create"] }]
 *
 * The source rejects with a StowageError `NotInPod`, `TokenRequestRefused` or `TokenRequestFailed`.
 */
export function kubernetesToken(options: KubernetesTokenOptions = {}): TokenSource {
  const { expirationSeconds = EXPIRATION.default, folder = FOLDER } = options;
  if (!Number.isInteger(expirationSeconds) || expirationSeconds < EXPIRATION.min || expirationSeconds > EXPIRATION.max)
    throw new RangeError(
      `expirationSeconds must be a whole number from ${EXPIRATION.min} to ${EXPIRATION.max} (found ${expirationSeconds}).`,
    );
  const apiServer = options.apiServer ?? apiServerOfPod();
  if (apiServer === undefined) throw notInPod("KUBERNETES_SERVICE_HOST is not set");
  return async (audience) => {
    // Read each time: the kubelet writes the pod's own token anew.
    const [token, ca] = await Promise.all([ownFile(folder, "token"), ownFile(folder, "ca.crt")]);
    const own = ownAccount(token);
    const path = `/api/v1/namespaces/${own.namespace}/serviceaccounts/${own.serviceAccount}/token`;
    const boundObjectRef =
      own.pod === undefined ? {} : { boundObjectRef: { apiVersion: "v1", kind: "Pod", ...own.pod } };
    const body = JSON.stringify({
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { audiences: [audience], expirationSeconds, ...boundObjectRef },
    });
    const answer = await post(new URL(path, apiServer), { token, ca, body });
    const issued = issuedToken(answer.text);
    if (answer.status === 201 && issued !== undefined) return issued;
    throw new StowageError(
      answer.status === 401 || answer.status === 403 ? "TokenRequestRefused" : "TokenRequestFailed",
      `The API server answers ${answer.status} to the request for a token of the service account ` +
        `${own.namespace}/${own.serviceAccount}. Give that account the verb create on serviceaccounts/token, for its own name.`,
    );
  };
}

async function ownFile(folder: string, name: string): Promise<string> {
  try {
    return await podFile(folder, name);
  } catch (error) {
    throw notInPod(error instanceof Error ? error.message : String(error));
  }
}

function notInPod(why: string): StowageError {
  return new StowageError(
    "NotInPod",
    `There is no service account to ask for a token with: ${why}. Run in a pod that mounts its service account's token, or ` +
      "give createProducer another source of tokens.",
  );
}

/** Whose token the pod's own is, and which pod's. */
function ownAccount(token: string): {
  namespace: string;
  serviceAccount: string;
  pod?: { name: string; uid: string };
} {
  const { sub = "", ["kubernetes.io"]: claims } = decodeJwt<{
    "kubernetes.io"?: { pod?: { name: string; uid: string } };
  }>(token);
  const [, namespace, serviceAccount] = /^system:serviceaccount:([a-z0-9-]+):([a-z0-9.-]+)$/.exec(sub) ?? [];
  if (namespace === undefined || serviceAccount === undefined)
    throw notInPod(`its token is of ${JSON.stringify(sub)}, which is no service account`);
  const pod = claims?.pod;
  return { namespace, serviceAccount, ...(pod === undefined ? {} : { pod: { name: pod.name, uid: pod.uid } }) };
}

function issuedToken(text: string): string | undefined {
  try {
    const { status } = JSON.parse(text) as { status?: { token?: unknown } };
    return typeof status?.token === "string" ? status.token : undefined;
  } catch {
    return undefined;
  }
}

async function post(url: URL, how: { token: string; ca: string; body: string }): Promise<ApiAnswer> {
  try {
    return await askApi(url, { method: "POST", ...how });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StowageError("TokenRequestFailed", `The API server at ${url.host} cannot be asked for a token: ${why}.`, {
      cause: error,
    });
  }
}
