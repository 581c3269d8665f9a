import type { SinkContext } from "../../contract/index.js";
import { LinstorApi } from "./api.js";
import type { LinstorRequest, LinstorSender } from "./client.js";
import { LinstorFailure } from "./errors.js";

/** What a request is, as `stowage_store_call_seconds` and the spans name it: all values that the label takes. */
export const LinstorOperation = {
  /** Any question: definitions, replicas, snapshots, nodes, sizes. */
  Read: "read",
  /** The histories of volumes, the claims of message ids. */
  ReadHistory: "read_history",
  WriteHistory: "write_history",
  Spawn: "spawn",
  Delete: "delete",
  /** A snapshot is made or deleted. */
  Snapshot: "snapshot",
  Attach: "attach",
  SetProperties: "set_properties",
} as const;
export type LinstorOperation = (typeof LinstorOperation)[keyof typeof LinstorOperation];

/** Ends of paths that tell what a change is; what matches none is a change of a definition. */
const CHANGES: readonly [RegExp, LinstorOperation][] = [
  [/\/query-size-info$/, LinstorOperation.Read],
  [/\/spawn$/, LinstorOperation.Spawn],
  [/\/make-available$/, LinstorOperation.Attach],
  [/\/snapshots(\/[^/]+)?$/, LinstorOperation.Snapshot],
];

/** The operation that a request is. */
export function operationOf({ method, path }: Pick<LinstorRequest, "method" | "path">): LinstorOperation {
  const reads = method === "GET";
  if (path.startsWith("/v1/key-value-store/"))
    return reads ? LinstorOperation.ReadHistory : LinstorOperation.WriteHistory;
  if (reads) return LinstorOperation.Read;
  const [, operation] = CHANGES.find(([end]) => end.test(path)) ?? [];
  return operation ?? (method === "DELETE" ? LinstorOperation.Delete : LinstorOperation.SetProperties);
}

/**
 * The API with every request measured as a call of the store. An error that LINSTOR answers with is an answer: the call
 * failed only where there was none.
 */
export function measured(sender: LinstorSender, call: SinkContext["call"]): LinstorApi {
  return new LinstorApi({
    send: async (request, signal) => {
      const answered = await call(operationOf(request), async () => {
        try {
          return { answer: await sender.send(request, signal) };
        } catch (error) {
          if (error instanceof LinstorFailure) return { failure: error };
          throw error;
        }
      });
      if (answered.failure !== undefined) throw answered.failure;
      return answered.answer;
    },
  });
}
