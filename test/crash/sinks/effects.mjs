import { createHash, randomUUID } from "node:crypto";
import { link, mkdir, open, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { defineSink } from "stowage/runtime";

/** Messages in a hundred whose attempt fails as if the store were not ready. */
const FLAKY = 2;

/**
 * A sink whose effects outlive the worker: each message is one file, named by the message's key and published with
 * link(2), which succeeds for exactly one of those who try. A line for each attempt goes to `effects.log`.
 */
export function effectsSink(name, batching) {
  return defineSink({
    name,
    batching,
    options: ({ folder, seed }) => ({ folder, seed }),
    start: async ({ options, worker }) => {
      await mkdir(join(options.folder, "staging"), { recursive: true });
      return { ...options, worker, log: await open(join(options.folder, "effects.log"), "a") };
    },
    process: (batch, context, store) => Promise.all(batch.map((message) => effect(message, context, store))),
    stop: ({ log }) => log.close(),
  });
}

async function effect(message, { attempt }, store) {
  const began = Date.now();
  const { kind, milliseconds } = JSON.parse(message.body.toString("utf8"));
  if (kind === "poison")
    return { kind: "poison", reason: "SinkRefused", description: "the message says that it is poison" };
  await delay(milliseconds);
  if (kind === "killer") {
    await note(store, "killed", message, began);
    process.kill(process.pid, "SIGKILL");
  }
  if (isFlaky(store.seed, message, attempt))
    return { kind: "retry", code: "NotReady", description: "this attempt was chosen to fail" };
  const duplicate = !(await publish(store, message));
  await note(store, duplicate ? "duplicate" : "stored", message, began);
  return { kind: "done", duplicate };
}

/** The same for the same seed, message, delivery and attempt. */
function isFlaky(seed, { key, deliveryCount }, attempt) {
  const hash = createHash("sha256").update(`${seed} ${key} ${deliveryCount} ${attempt}`).digest();
  return hash.readUInt16BE(0) % 100 < FLAKY;
}

/** True for who published it. */
async function publish({ folder, worker }, { key, messageId, bodySha256, deliveryCount }) {
  const name = createHash("sha256").update(key).digest("hex");
  const staged = join(folder, "staging", randomUUID());
  await mkdir(join(folder, "keys", name.slice(0, 2)), { recursive: true });
  await writeFile(staged, JSON.stringify({ messageId, bodySha256, deliveryCount, worker }));
  try {
    await link(staged, join(folder, "keys", name.slice(0, 2), name));
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  } finally {
    await unlink(staged);
  }
}

/** One write to a file that is open for appending: lines of several processes never mix. */
async function note({ log }, what, { messageId, deliveryCount }, began) {
  await log.write(`${what} ${messageId} ${deliveryCount} ${began}\n`);
}
