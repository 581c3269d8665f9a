import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { packageRoot } from "../../../stacks/packageRoot.js";
import { atMost, median, round } from "../report.js";
import { type Part, type PartContext, ROUNDS } from "./part.js";
import { profiled } from "./profile.js";

/** Milliseconds from spawn to the line that says it listens, beyond those of a Node that does nothing. */
const MOST_MS = 300;
/** The command's line once clients can connect. */
const LISTENS = /listen/i;
const LIMIT_MS = 30_000;

/** `stowage broker`, beside `node -e 0`. */
export async function startTime({ log, signal }: PartContext): Promise<Part> {
  const [above, whole, bare]: [number[], number[], number[]] = [[], [], []];
  for (let i = 0; i <= ROUNDS; i++) {
    signal.throwIfAborted();
    const node = await bareNode();
    const listening = await toListening([]);
    if (i === 0) continue;
    above.push(listening - node);
    whole.push(listening);
    bare.push(node);
    log(`start ${i} of ${ROUNDS}: ${Math.round(listening)} ms to listening, ${Math.round(node)} ms of a bare node`);
  }
  return {
    ratios: { millisecondsToListeningAboveBareNode: atMost(round(median(above)), MOST_MS) },
    figures: { millisecondsToListening: round(median(whole)), millisecondsOfBareNode: round(median(bare)) },
    why: {
      millisecondsToListeningAboveBareNode: () =>
        profiled("cpu", async (execArgv) => void (await toListening(execArgv))),
    },
  };
}

async function bareNode(): Promise<number> {
  const began = performance.now();
  await once(spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }), "exit");
  return performance.now() - began;
}

/** Milliseconds until the command listens; it is ended then, as Ctrl-C ends it. */
async function toListening(execArgv: string[]): Promise<number> {
  const bin = join(packageRoot(), "dist", "stacks", "cli", "bin.js");
  const began = performance.now();
  const child = spawn(process.execPath, [...execArgv, bin, "broker", "--port", "0", "--admin-port", "0"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "exit");
  try {
    return await new Promise<number>((resolve, reject) => {
      let said = "";
      const hear = (part: Buffer) => {
        said += part.toString();
        if (LISTENS.test(said)) resolve(performance.now() - began);
      };
      child.stdout.on("data", hear);
      child.stderr.on("data", hear);
      void ended.then(([code]) => reject(new Error(`stowage broker ended with ${code}: ${said}`)));
      setTimeout(() => reject(new Error(`stowage broker said nothing of listening: ${said}`)), LIMIT_MS).unref();
    });
  } finally {
    child.kill("SIGINT");
    await ended;
  }
}
