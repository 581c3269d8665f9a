import { readFile } from "node:fs/promises";
import { request } from "node:https";

/** Time limit of one request, in milliseconds. */
const REQUEST_MILLISECONDS = 10_000;
/** The most that an answer may hold: a secret has 1 MiB at most, a third more in base64, and its metadata. */
const MAX_BYTES = 2 * 1024 * 1024;

/** One request to the API server. */
export interface ApiRequest {
  method: "GET" | "POST" | "PATCH";
  /** A service account's token. */
  token: string;
  /** The authority that the server's certificate must lead to, PEM; no other is trusted. */
  ca: string;
  /** JSON. */
  body?: string;
  /** @default application/json */
  contentType?: string;
  /** Ends the request. */
  signal?: AbortSignal;
}

/** What the server answered. */
export interface ApiAnswer {
  status: number;
  text: string;
}

/** The API server as a pod's environment names it; undefined outside of a pod. */
export function apiServerOfPod(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const host = env["KUBERNETES_SERVICE_HOST"];
  const port = env["KUBERNETES_SERVICE_PORT_HTTPS"] ?? env["KUBERNETES_SERVICE_PORT"] ?? "443";
  if (host === undefined || host === "") return undefined;
  return `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** A file of the folder in which a pod finds its service account. Kubelet writes the token anew: read it each time. */
export async function podFile(folder: string, name: string): Promise<string> {
  return (await readFile(`${folder}/${name}`, "utf8")).trim();
}

/**
 * Asks the API server. Rejects where no answer comes within 10 s, or one that is too large. The cluster's own authority is
 * trusted for this request, and no other: the standard fetch has no such option.
 */
export function askApi(url: URL, { method, token, ca, body, contentType, signal }: ApiRequest): Promise<ApiAnswer> {
  const limit = AbortSignal.timeout(REQUEST_MILLISECONDS);
  return new Promise((resolve, reject) => {
    const asking = request(
      url,
      {
        method,
        ca,
        headers: {
          authorization: `Bearer ${token}`,
          accept: "application/json",
          ...(body === undefined ? {} : { "content-type": contentType ?? "application/json" }),
        },
        signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
      },
      (response) => {
        const parts: Buffer[] = [];
        let bytes = 0;
        response.on("data", (part: Buffer) => {
          bytes += part.byteLength;
          if (bytes > MAX_BYTES) asking.destroy(new Error(`its answer is larger than ${MAX_BYTES} bytes`));
          else parts.push(part);
        });
        response.once("error", reject);
        response.once("end", () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString("utf8") }),
        );
      },
    );
    asking.once("error", (error) =>
      reject(limit.aborted ? new Error(`no answer within ${REQUEST_MILLISECONDS / 1000} s`) : error),
    );
    asking.end(body);
  });
}
