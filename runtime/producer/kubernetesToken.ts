import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { decodeJwt } from "jose";
import { StowageError } from "../contract/index.js";
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
const REQUEST_MILLISECONDS = 10_000;
const MAX_BYTES = 65_536;

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
  return async (audience) => {
    // Read each time: the kubelet writes the pod's own token anew.
    const [token, ca] = await Promise.all([podFile(folder, "token"), podFile(folder, "ca.crt")]);
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

function apiServerOfPod(): string {
  const host = process.env["KUBERNETES_SERVICE_HOST"];
  const port = process.env["KUBERNETES_SERVICE_PORT_HTTPS"] ?? process.env["KUBERNETES_SERVICE_PORT"] ?? "443";
  if (host === undefined) throw notInPod("KUBERNETES_SERVICE_HOST is not set");
  return `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

async function podFile(folder: string, name: string): Promise<string> {
  try {
    return (await readFile(`${folder}/${name}`, "utf8")).trim();
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

/** The cluster's own authority is trusted for this request, and no other: the standard fetch has no such option. */
function post(
  url: URL,
  { token, ca, body }: { token: string; ca: string; body: string },
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(
        new StowageError(
          "TokenRequestFailed",
          `The API server at ${url.host} cannot be asked for a token: ${error.message}.`,
          {
            cause: error,
          },
        ),
      );
    const asking = request(
      url,
      {
        method: "POST",
        ca,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json", accept: "application/json" },
        signal: AbortSignal.timeout(REQUEST_MILLISECONDS),
      },
      (response) => {
        const parts: Buffer[] = [];
        let bytes = 0;
        response.on("data", (part: Buffer) => {
          bytes += part.byteLength;
          if (bytes > MAX_BYTES) asking.destroy(new Error(`its answer is larger than ${MAX_BYTES} bytes`));
          else parts.push(part);
        });
        response.on("error", fail);
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString("utf8") }),
        );
      },
    );
    asking.on("error", fail);
    asking.end(body);
  });
}
