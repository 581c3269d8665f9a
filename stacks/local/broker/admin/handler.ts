import type { IncomingMessage, ServerResponse } from "node:http";
import type { AccessGuard } from "../core/accessGuard.js";
import { BrokerError, BrokerErrorCode } from "../core/errors.js";
import { AdminError, type Answer, errorAnswer, type Place } from "./answers.js";
import { authorize, authorizeForward, type Credentials } from "./authorization.js";
import { Operations, type OperationsOptions } from "./operations.js";
import { type Address, entityOf, parseAddress } from "./routes.js";
import { parseXml } from "./xml.js";

/** Bytes of a request's body: the largest description, with 12 policies and a kilobyte of metadata, has some 20,000. */
const LARGEST_BODY = 262_144;
const HOST = /^[\w.-]+(:\d{1,5})?$|^\[[0-9a-f:]+\](:\d{1,5})?$/i;

export interface HandlerOptions extends OperationsOptions {
  readonly guard: AccessGuard;
  /** Brings what was done to the disk; called before a request is answered. */
  readonly commit?: (() => void) | undefined;
}

/** Answers the requests of administration, in the shape of the service's ATOM interface. */
export class AdminHandler {
  readonly #options: HandlerOptions;
  readonly #operations: Operations;

  constructor(options: HandlerOptions) {
    this.#options = options;
    this.#operations = new Operations(options);
  }

  /** Answers one request; nothing is thrown. @param scheme under which it came */
  async handle(request: IncomingMessage, response: ServerResponse, scheme: "http" | "https"): Promise<void> {
    let answer: Answer;
    try {
      answer = await this.#answer(request, scheme);
      this.#options.commit?.();
    } catch (error) {
      answer = errorAnswer(error, this.#options.guard.trail());
    }
    if (response.destroyed) {
      return;
    }
    const type = answer.type === undefined ? "" : `;type=${answer.type}`;
    response.writeHead(answer.status, {
      "content-length": Buffer.byteLength(answer.xml),
      "content-type": `application/${answer.type === undefined ? "" : "atom+"}xml${type};charset=utf-8`,
      ...(answer.status === 401 ? { "www-authenticate": "Bearer, SharedAccessSignature" } : {}),
      // What was not read of a body would be taken for the next request.
      ...(request.complete ? {} : { connection: "close" }),
    });
    response.end(answer.xml);
  }

  async #answer(request: IncomingMessage, scheme: "http" | "https"): Promise<Answer> {
    const { host, address } = this.#addressed(request);
    const credentials = { host, path: address.path, authorization: request.headers.authorization };
    await authorize(this.#options.guard, entityOf(address.target), credentials);
    const place: Place = {
      origin: `${scheme}://${host}`,
      version: address.version,
      namespace: this.#options.info.name,
    };
    switch (request.method) {
      case "GET":
        return this.#operations.get(address, place);
      case "PUT":
        return this.#put(request, address, credentials, place);
      case "DELETE":
        return this.#operations.delete(address);
      default:
        throw new AdminError(405, `${request.method} is not known here: GET, PUT and DELETE are.`);
    }
  }

  /** Where a request goes to; one that goes nowhere is written into the access log here. */
  #addressed(request: IncomingMessage): { readonly host: string; readonly address: Address } {
    const host = request.headers.host ?? "";
    try {
      if (!HOST.test(host)) {
        throw new BrokerError(BrokerErrorCode.InvalidArgument, "The header 'Host' names no host.");
      }
      return { host, address: parseAddress(request.url ?? "") };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.guard.log({ action: "admin", outcome: "refused", entity: "", reason });
      throw error;
    }
  }

  async #put(request: IncomingMessage, address: Address, credentials: Credentials, place: Place): Promise<Answer> {
    const body = await parseXml(await readBody(request));
    const { headers } = request;
    const tokens = {
      forwardTo: headers["servicebussupplementaryauthorization"],
      forwardDeadLetteredMessagesTo: headers["servicebusdlqsupplementaryauthorization"],
    };
    return this.#operations.put(
      address,
      body,
      {
        update: headers["if-match"] !== undefined,
        authorizeForward: (setting, target) => {
          const header = tokens[setting];
          return authorizeForward(this.#options.guard, target, credentials, Array.isArray(header) ? header[0] : header);
        },
      },
      place,
    );
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    size += bytes.length;
    if (size > LARGEST_BODY) {
      throw new AdminError(413, `The body has more than the ${LARGEST_BODY} bytes that are taken.`);
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}
