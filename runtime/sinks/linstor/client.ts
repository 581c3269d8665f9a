import { parse } from "lossless-json";
import { z } from "zod";
import { type Entry, Interrupted, LinstorFailure, LinstorTimeout, LinstorUnavailable } from "./errors.js";
import { decodeReturnCode, Severity } from "./returnCodes.js";

/** Largest answer that is read, in bytes: a view of some thousand resources. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/**
 * Errors of a connection that never carried the request, so that the next controller may be asked even for what must
 * not be done twice. A request whose connection broke later may have been executed.
 */
const NOT_SENT = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** Time limits of the HTTP client itself, 300 s, where they are shorter than ours. */
const SLOW = new Set(["UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"]);

export interface LinstorClientOptions {
  /** URLs of the controllers; one is active at a time. */
  controllers: readonly string[];
  /** Time limit of a request that reads, in milliseconds. */
  readLimitMs: number;
  /** Time limit of a request that changes something: the answer comes when all satellites are done. */
  writeLimitMs: number;
}

export interface LinstorRequest {
  method: "GET" | "POST" | "PUT" | "DELETE";
  /** Path with query. */
  path: string;
  body?: object;
}

/** An answer without errors. */
export interface LinstorAnswer {
  /** JSON; whole numbers beyond 2^53 are bigint. */
  body: unknown;
  /** The entries, where the body is a list of them; warnings are among them. */
  entries: Entry[];
}

/** What sends requests: the client, or one that measures what goes through it. */
export interface LinstorSender {
  /** See `LinstorClient.send`. */
  send(request: LinstorRequest, signal: AbortSignal): Promise<LinstorAnswer>;
}

/** LINSTOR's REST API over fetch. */
export class LinstorClient implements LinstorSender {
  /** The controller that answered last. */
  private active = 0;

  constructor(private readonly options: LinstorClientOptions) {
    if (options.controllers.length === 0) throw new Error("A LINSTOR client needs at least one controller");
  }

  /**
   * Sends a request to the active controller, or to the next where that one is not there. Throws LinstorFailure where
   * any entry of the answer is an error, LinstorUnavailable, LinstorTimeout, or Interrupted where `signal` fires.
   */
  async send(request: LinstorRequest, signal: AbortSignal): Promise<LinstorAnswer> {
    const { controllers } = this.options;
    const failures: string[] = [];
    for (let i = 0; i < controllers.length; i++) {
      const index = (this.active + i) % controllers.length;
      const controller = controllers[index] ?? "";
      try {
        const answer = await this.sendTo(controller, request, signal);
        this.active = index;
        return answer;
      } catch (error) {
        if (!(error instanceof NextController)) throw error;
        failures.push(`${controller}: ${error.message}`);
      }
    }
    throw new LinstorUnavailable(`No LINSTOR controller answers: ${failures.join("; ")}`);
  }

  private async sendTo(controller: string, request: LinstorRequest, signal: AbortSignal): Promise<LinstorAnswer> {
    if (signal.aborted) throw new Interrupted();
    const { method, path, body } = request;
    const limitMs = method === "GET" ? this.options.readLimitMs : this.options.writeLimitMs;
    const limit = AbortSignal.timeout(limitMs);
    const what = `${method} ${path}`;
    const json = body === undefined ? {} : { body: JSON.stringify(body) };
    const type = body === undefined ? {} : { "Content-Type": "application/json" };
    let status: number;
    let text: string;
    try {
      const response = await fetch(`${controller.replace(/\/+$/, "")}${path}`, {
        method,
        ...json,
        headers: { Accept: "application/json", ...type },
        // While HTTPS is on, plain HTTP answers 302, and a POST would be repeated as a GET.
        redirect: "error",
        signal: AbortSignal.any([signal, limit]),
      });
      status = response.status;
      text = await textOf(response);
    } catch (error) {
      if (signal.aborted) throw new Interrupted({ cause: error });
      if (limit.aborted)
        throw new LinstorTimeout(`${controller} did not answer ${what} within ${limitMs} ms`, { cause: error });
      throw connectionError(controller, request, error);
    }
    return read(controller, what, status, text);
  }
}

/** This controller did not get the request. */
class NextController extends Error {}

function connectionError(controller: string, { method, path }: LinstorRequest, error: unknown): Error {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const reason = cause instanceof Error ? `${cause.message}${code === "" ? "" : ` (${code})`}` : String(error);
  if (SLOW.has(code))
    return new LinstorTimeout(`${controller} did not answer ${method} ${path}: ${reason}`, { cause: error });
  // Reading is repeated without harm; a redirect was not followed, so that nothing was done.
  if (method === "GET" || NOT_SENT.has(code) || reason.includes("redirect")) return new NextController(reason);
  return new LinstorUnavailable(`${controller} broke off ${method} ${path}: ${reason}`, { cause: error });
}

async function textOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    const bytes: Uint8Array = part;
    size += bytes.length;
    if (size > MAX_ANSWER_BYTES) throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    parts.push(bytes);
  }
  return Buffer.concat(parts).toString("utf8");
}

function read(controller: string, what: string, status: number, text: string): LinstorAnswer {
  let body: unknown;
  try {
    body = text === "" ? undefined : parse(text, undefined, exactNumber);
  } catch (error) {
    throw new LinstorUnavailable(`${controller} answered ${what} with ${status} and no JSON`, { cause: error });
  }
  const entries = entriesOf(body);
  if (entries.some((e) => e.decoded.severity === Severity.Error)) throw new LinstorFailure(what, status, entries);
  if (status < 200 || status > 299)
    throw new LinstorUnavailable(`${controller} answered ${what} with ${status} and no return code`);
  return { body, entries };
}

/** Whole numbers that a JavaScript number would change become bigint. */
function exactNumber(text: string): number | bigint {
  const value = Number(text);
  return /^-?\d+$/.test(text) && !Number.isSafeInteger(value) ? BigInt(text) : value;
}

const entrySchema = z.object({
  ret_code: z.union([z.int(), z.bigint()]),
  message: z.string(),
  cause: z.exactOptional(z.string()),
  details: z.exactOptional(z.string()),
  correction: z.exactOptional(z.string()),
});

/** The entries of a body that is a list of them; none for any other body. */
export function entriesOf(body: unknown): Entry[] {
  const list = z.array(entrySchema).safeParse(body);
  if (!list.success) return [];
  return list.data.map(({ ret_code, ...words }) => {
    const returnCode = BigInt(ret_code);
    return { returnCode, decoded: decodeReturnCode(returnCode), ...words };
  });
}
