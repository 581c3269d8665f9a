import { setTimeout as delay } from "node:timers/promises";
import { defineSink } from "stowage/runtime";

const done = { kind: "done", duplicate: false };

/** A sink that does nothing, so that what is left is the worker's own cost; or that waits `wait` milliseconds. */
export default defineSink({
  name: "nothing",
  options: ({ wait = "0" }) => Number(wait),
  start: async ({ options }) => options,
  process: async (messages, _context, wait) => {
    if (wait > 0) await delay(wait);
    return messages.map(() => done);
  },
});
