import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { KubernetesStandIn } from "./providers/kubernetes/index.js";
import { listAt } from "./providers/kubernetes/object.js";

/** Longest path of a socket on Linux, in bytes. */
const LONGEST_PATH = 107;
/** Characters of a body. */
const MAX_BODY = 65_536;
const RUN = /^\/cronjobs\/([^/]+)\/([^/]+)$/;

type Runner = Pick<KubernetesStandIn, "trigger" | "onDemand">;

/**
 * A socket in the run's folder, for whoever may write there: `GET /cronjobs` says what a schedule would run, and
 * `POST /cronjobs/NAMESPACE/NAME` runs it now and answers when its job has ended. A body `{"args": […]}` gives the job's
 * first container further arguments.
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
      const args = argsOf(await read(request));
      if (args === undefined) {
        say(400, { error: `the body must be empty, or {"args": […]} with texts, and ${MAX_BODY} bytes at most` });
        return;
      }
      const job = await kubernetes.trigger(namespace ?? "", name ?? "", gone.signal, args);
      say(job.completed ? 200 : 500, job);
    } catch (error) {
      say(409, { error: error instanceof Error ? error.message : String(error) });
    }
  }
}

/** What was sent; undefined where that is too much. */
async function read(request: IncomingMessage): Promise<string | undefined> {
  let body = "";
  for await (const chunk of request as AsyncIterable<Buffer>) {
    body += chunk.toString("utf8");
    if (body.length > MAX_BODY) return undefined;
  }
  return body;
}

function argsOf(body: string | undefined): string[] | undefined {
  if (body === "") return [];
  try {
    const args = listAt(JSON.parse(body ?? ""), "args");
    const texts = args.filter((arg) => typeof arg === "string");
    return texts.length === args.length && texts.length > 0 ? texts : undefined;
  } catch {
    return undefined;
  }
}
