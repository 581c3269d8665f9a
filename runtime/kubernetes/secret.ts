import { InvalidInputError, problem, StowageError } from "../contract/index.js";
import { type Clock, pause, systemClock } from "../support/clock.js";
import type { SecretStore, SecretVersion } from "../support/secretStore.js";
import { type ApiAnswer, type ApiRequest, apiServerOfPod, askApi, podFile } from "./apiServer.js";

/** Codes of what keeps a secret from being read or written. */
export const SecretCode = {
  /** The process is in no pod, or the pod has no token. */
  NotInPod: "NotInPod",
  /** The service account may not. */
  Refused: "SecretRefused",
  Missing: "SecretMissing",
  /** The API server gives no answer that is one. */
  Unavailable: "KubernetesUnavailable",
} as const;
export type SecretCode = (typeof SecretCode)[keyof typeof SecretCode];

/** Where a secret is, and who asks. */
export interface SecretPlace {
  namespace: string;
  secret: string;
  /** Folder with `token` and `ca.crt` of a service account. */
  folder: string;
  /** URL of the API server, https. @default by KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT */
  apiServer?: string | undefined;
  /** What waits between two tries. @default the machine's */
  clock?: Clock | undefined;
}

/** Tries of one request, and the wait between the first two, in milliseconds; it doubles. */
const TRIES = 5;
const PAUSE_MS = 500;

const NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/** The parts of `workers/readings-cassandra`. Throws an InvalidInputError that names the option. */
export function secretNamed(option: string, text: string): Pick<SecretPlace, "namespace" | "secret"> {
  const [namespace = "", secret = "", ...rest] = text.split("/");
  if (NAME.test(namespace) && NAME.test(secret) && rest.length === 0) return { namespace, secret };
  throw new InvalidInputError("Invalid input", [
    problem(option, text, "must be NAMESPACE/SECRET", "Name the namespace and the secret: workers/readings-cassandra"),
  ]);
}

/**
 * One secret of a cluster, by the API and with the rights of a service account: `get` and `patch` on this one secret. It is
 * patched with the version that it was read at, so that of two who write only one does.
 */
export class KubernetesSecret implements SecretStore {
  readonly name: string;
  private readonly url: URL;
  private readonly clock: Clock;

  constructor(private readonly place: SecretPlace) {
    const { namespace, secret, apiServer = apiServerOfPod(), clock = systemClock } = place;
    if (apiServer === undefined)
      throw new StowageError(
        SecretCode.NotInPod,
        "KUBERNETES_SERVICE_HOST is not set, so that no API server is known. Run it in a pod of the cluster, as the schema " +
          "job does; from elsewhere leave out what is to be published.",
      );
    this.name = `${namespace}/${secret}`;
    this.url = new URL(`/api/v1/namespaces/${namespace}/secrets/${secret}`, apiServer);
    this.clock = clock;
  }

  async read(signal: AbortSignal): Promise<SecretVersion> {
    return versionIn(await this.ask({ method: "GET" }, [200], signal));
  }

  async write(values: { readonly [key: string]: string }, version: string, signal: AbortSignal): Promise<boolean> {
    const data = Object.fromEntries(
      Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
    );
    const body = JSON.stringify({ metadata: { resourceVersion: version }, data });
    const patch = { method: "PATCH", body, contentType: "application/merge-patch+json" } as const;
    return (await this.ask(patch, [200, 409], signal)).status === 200;
  }

  /** An answer with one of the states that are expected. What may pass is tried again. */
  private async ask(
    what: Pick<ApiRequest, "method" | "body" | "contentType">,
    expected: number[],
    signal: AbortSignal,
  ): Promise<ApiAnswer> {
    let last = "";
    for (let tries = 0; tries < TRIES; tries++) {
      if (tries > 0) await pause(this.clock, PAUSE_MS * 2 ** (tries - 1), signal);
      signal.throwIfAborted();
      // Read each time: kubelet writes the token anew.
      const [token, ca] = await Promise.all([this.own("token"), this.own("ca.crt")]);
      const answer = await askApi(this.url, { ...what, token, ca, signal }).catch((error: unknown) => {
        signal.throwIfAborted();
        last = error instanceof Error ? error.message : String(error);
        return undefined;
      });
      if (answer === undefined) continue;
      if (expected.includes(answer.status)) return answer;
      if (answer.status < 500 && answer.status !== 429) throw this.refusal(what.method, answer);
      last = `it answers ${answer.status}: ${reasonIn(answer)}`;
    }
    throw new StowageError(
      SecretCode.Unavailable,
      `Secret ${this.name} cannot be asked for at ${this.url.host} (${TRIES} tries): ${last}`,
    );
  }

  private async own(file: string): Promise<string> {
    try {
      return await podFile(this.place.folder, file);
    } catch (error) {
      throw new StowageError(
        SecretCode.NotInPod,
        `The folder ${this.place.folder} has no ${file} of a service account ` +
          `(${error instanceof Error ? error.message : String(error)}). Mount its token there, or name the folder with --kubernetes.`,
      );
    }
  }

  private refusal(method: ApiRequest["method"], answer: ApiAnswer): StowageError {
    if (answer.status === 404)
      return new StowageError(
        SecretCode.Missing,
        `Secret ${this.name} does not exist (${reasonIn(answer)}). It is made empty with the pipeline; deploy that first.`,
      );
    if (answer.status === 401 || answer.status === 403)
      return new StowageError(
        SecretCode.Refused,
        `The service account may not ${method === "GET" ? "get" : "patch"} secret ${this.name} (${reasonIn(answer)}). Give it ` +
          "the verbs get and patch on secrets, for this name.",
      );
    return new StowageError(
      SecretCode.Unavailable,
      `The API server answers ${answer.status} to ${method} of secret ${this.name}: ${reasonIn(answer)}`,
    );
  }
}

/** The server's own words about a failure: never the secret, which is in no failure. */
function reasonIn({ text }: ApiAnswer): string {
  const message = part(parsed(text), "message");
  return typeof message === "string" ? message : "no reason is given";
}

function versionIn(answer: ApiAnswer): SecretVersion {
  const secret = parsed(answer.text);
  const version = part(part(secret, "metadata"), "resourceVersion");
  const data = part(secret, "data") ?? {};
  if (typeof version !== "string" || typeof data !== "object")
    throw new StowageError(SecretCode.Unavailable, "The API server answers with what is no secret.");
  const values = Object.entries<unknown>({ ...data }).map(([key, value]) => [
    key,
    Buffer.from(String(value), "base64").toString("utf8"),
  ]);
  return { version, values: Object.fromEntries(values) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function part(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}
