import { stringify } from "lossless-json";
import type { z } from "zod";
import { type ApiCallRc, Refused, statusOf } from "./answers.js";
import type { Cluster } from "./cluster.js";
import { Code, Operation, PARSE_ERROR, Subject } from "./codes.js";
import { type Call, entryJson, NotModelled, ROUTES } from "./routes.js";
import type { Json } from "./views.js";

/** A request as it came over HTTP. */
export interface RawRequest {
  method: string;
  /** Path with query. */
  url: string;
  /** Text of the body; empty where there is none. */
  body: string;
}

export interface RawResponse {
  status: number;
  /** JSON text; empty for a response without a body. */
  text: string;
}

/** What the controller's machine gives beside its state. */
export interface Machine {
  /** Capacity of a pool that is made on a node, in KiB. */
  capacityOf: (node: string) => number;
}

/** Thrown for a body that LINSTOR cannot read. */
class Unreadable extends Error {}

const routes = ROUTES.map((route) => {
  const names: string[] = [];
  const pattern = route.path.replace(/\{(\w+)\}/g, (_all, name: string) => {
    names.push(name);
    return "([^/]+)";
  });
  return { ...route, names, pattern: new RegExp(`^${pattern}$`) };
});

/** Reads a body by its schema. A field that is not modelled is refused by its name. */
function read<T extends z.ZodType>(schema: T, text: string): z.output<T> {
  let value: unknown;
  try {
    value = text === "" ? {} : JSON.parse(text);
  } catch (error) {
    throw new Unreadable(String(error));
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => {
    const path = issue.code === "unrecognized_keys" ? [...issue.path, issue.keys.join(", ")] : issue.path;
    return { path: path.join("."), message: issue.code === "unrecognized_keys" ? "Unrecognized field" : issue.message };
  });
  const unmodelled = issues.find((i) => i.message.includes("not modelled"));
  if (unmodelled !== undefined) throw new NotModelled(`the field '${unmodelled.path}'`);
  throw new Unreadable(issues.map((i) => `${i.path}: ${i.message}`).join("; "));
}

/** Executes one request on the cluster; the state is changed at once, before anything is sent. */
export function dispatch(cluster: Cluster, machine: Machine, request: RawRequest): RawResponse {
  const url = new URL(request.url, "http://controller");
  const path = url.pathname;
  const here = routes.filter((route) => route.pattern.test(path));
  const found = here.find((route) => route.method === request.method);
  if (found === undefined) {
    const [status, message, details] =
      here.length === 0
        ? ([404, `Path '${path}' not found on server.`, "HTTP 404 Not Found"] as const)
        : ([405, `Method '${request.method}' not allowed on path '${path}'.`, "HTTP 405 Method Not Allowed"] as const);
    return listed(status, plain(cluster, message, details));
  }
  const values = found.pattern.exec(path)?.slice(1) ?? [];
  const call: Call = {
    cluster,
    at: (name) => decodeURIComponent(values[found.names.indexOf(name)] ?? ""),
    query: (name) => url.searchParams.getAll(name),
    body: (schema) => read(schema, request.body),
    capacityOf: machine.capacityOf,
  };
  try {
    const handled = found.handle(call);
    if ("body" in handled) return { status: found.success, text: found.path === "/health" ? "" : json(handled.body) };
    return listed(statusOf(handled.entries, found.success), handled.entries);
  } catch (error) {
    if (error instanceof Refused) return listed(statusOf(error.answer.entries, found.success), error.answer.entries);
    if (error instanceof Unreadable) {
      const [entry] = plain(cluster, "Unable to parse input json.", error.message);
      return listed(400, entry === undefined ? [] : [{ ...entry, ret_code: PARSE_ERROR }]);
    }
    if (error instanceof NotModelled)
      return listed(501, plain(cluster, `This stand-in does not model ${error.message}.`, "HTTP 501 Not Implemented"));
    throw error;
  }
}

function plain(cluster: Cluster, message: string, details: string): ApiCallRc[] {
  return cluster.answer(Operation.None, Subject.None).error(Code.Unknown, message, { details }).entries;
}

function listed(status: number, entries: readonly ApiCallRc[]): RawResponse {
  return { status, text: json(entries.map(entryJson)) };
}

function json(value: Json): string {
  return stringify(value) ?? "";
}
