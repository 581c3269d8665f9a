import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/** One recorded exchange with a real controller. */
export interface Exchange {
  /** `013-view-after-spawn` */
  name: string;
  method: string;
  path: string;
  /** Text of the request's body; undefined where there was none. */
  body: string | undefined;
  /** HTTP status; null where the controller did not answer. */
  status: number | null;
  /** The exact text of the answer. */
  text: string;
}

const recorded = z.object({
  request: z.object({ method: z.string(), path: z.string(), body: z.unknown() }),
  response: z.object({ status: z.number().nullable(), body_text: z.string().nullish() }),
});

/** The exchanges of a folder, in the order in which they were recorded. */
export function exchangesOf(folder: string): Exchange[] {
  const files = readdirSync(folder).filter((f) => f.endsWith(".json"));
  return files.sort().map((file) => {
    const { request, response } = recorded.parse(JSON.parse(readFileSync(join(folder, file), "utf8")));
    return {
      name: file.slice(0, -".json".length),
      method: request.method,
      path: request.path,
      body: request.body === null || request.body === undefined ? undefined : JSON.stringify(request.body),
      status: response.status,
      text: response.body_text ?? "",
    };
  });
}
