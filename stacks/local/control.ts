import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { KubernetesStandIn } from "./providers/kubernetes/index.js";

/** Longest path of a socket on Linux, in bytes. */
const LONGEST_PATH = 107;
const RUN = /^\/cronjobs\/([^/]+)\/([^/]+)$/;

type Runner = Pick<KubernetesStandIn, "trigger" | "onDemand">;

/**
 * A socket in the run's folder, for whoever may write there: `GET /cronjobs` says what a schedule would run, and
 * `POST /cronjobs/NAMESPACE/NAME` runs it now and answers when its job has ended.
 */
export class ControlSocket {
  private constructor(
    private readonly server: Server,
    readonly path: string,
  ) {}

  /**
   * @param path of the socket, at most 107 bytes
   * @returns undefined where the path is longer: then there is none
   */
  static async listen(path: string, kubernetes: Runner): Promise<ControlSocket | undefined> {
    if (Buffer.byteLength(path) > LONGEST_PATH) return undefined;
    const server = createServer((request, response) => void answer(kubernetes, request, response));
    // A job may take longer than any request would otherwise.
    server.requestTimeout = 0;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
    return new ControlSocket(server, path);
  }

  /** What a person types to run a CronJob now. */
  command(namespace: string, name: string): string {
    return `curl --unix-socket ${this.path} -X POST http://local/cronjobs/${namespace}/${name}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

async function answer(kubernetes: Runner, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const say = (status: number, body: unknown) =>
    response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
  const { pathname } = new URL(request.url ?? "/", "http://local");
  const known = kubernetes.onDemand().map(({ metadata, spec }) => ({
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    schedule: spec?.["schedule"],
  }));
  const [, namespace, name] = RUN.exec(pathname) ?? [];
  if (request.method === "GET" && pathname === "/cronjobs") say(200, known);
  else if (request.method !== "POST" || !known.some((each) => each.namespace === namespace && each.name === name))
    say(404, {
      error: `there is no ${request.method} ${pathname}; POST /cronjobs/NAMESPACE/NAME of one of them`,
      known,
    });
  else {
    const gone = new AbortController();
    response.once("close", () => gone.abort(new Error("who asked is gone")));
    try {
      const job = await kubernetes.trigger(namespace ?? "", name ?? "", gone.signal);
      say(job.completed ? 200 : 500, job);
    } catch (error) {
      say(409, { error: error instanceof Error ? error.message : String(error) });
    }
  }
}
