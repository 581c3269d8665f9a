import { appendFileSync, closeSync, openSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { defineSink } from "stowage/runtime";

/**
 * A sink that knows no duplicates: each attempt that comes to its end is a line in one file that all workers append to.
 * One write a line, to a file that is open for appending, so that the file has the lines in the order of the effects,
 * over all processes; what was written outlives the process. It waits before and after, so that a kill finds messages
 * before their effect as well as between effect and settlement.
 */
export default defineSink({
  name: "ordering",
  options: ({ log }) => ({ log }),
  start: async ({ options, worker }) => ({ worker, file: openSync(options.log, "a") }),
  process: ([message], _context, store) => effect(message, store),
  stop: async ({ file }) => closeSync(file),
});

async function effect({ sessionId, body, deliveryCount }, { worker, file }) {
  const { number, before, after, kills } = JSON.parse(body.toString("utf8"));
  await delay(before);
  if (kills) process.kill(process.pid, "SIGKILL");
  appendFileSync(file, `${sessionId} ${number} ${worker} ${deliveryCount}\n`);
  await delay(after);
  return [{ kind: "done", duplicate: false }];
}
