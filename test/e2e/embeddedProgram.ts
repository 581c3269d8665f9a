import { setTimeout as wait } from "node:timers/promises";
import { type Connection, defineSink, done, type ExitCode, type Pipeline, runWorker } from "../../runtime/index.js";
import { answerParent } from "../support/childProgram.js";

/** What the program is asked. */
export type EmbeddedQuestion =
  | { what: "start"; pipeline: Pipeline; connection: Connection; hangs: boolean }
  | { what: "received" }
  | { what: "stop" }
  | { what: "ended" };

/** What a worker left in its program. */
export interface Ended {
  code: ExitCode;
  /** Timers, servers and connections that are there and keep the process from ending. */
  left: string[];
}

/** Of the channel to the parent and its pipes. */
const OWN: ReadonlySet<string> = new Set(["PipeWrap", "TTYWrap"]);
const LEFT_MILLISECONDS = 5_000;

let received = 0;
let running: Promise<ExitCode> | undefined;
const end = new AbortController();

const active = (): string[] => process.getActiveResourcesInfo().filter((name) => !OWN.has(name));

/** What is left once closing has had its time: the system ends a connection a moment after it is told. */
async function left(): Promise<string[]> {
  const deadline = performance.now() + LEFT_MILLISECONDS;
  while (active().length > 0 && performance.now() < deadline) await wait(20, undefined, { ref: false });
  return active();
}

async function answer(question: EmbeddedQuestion): Promise<number | Ended | undefined> {
  if (question.what === "received") return received;
  if (question.what === "stop") end.abort();
  if (question.what === "ended")
    return { code: await (running ?? Promise.reject(new Error("not started"))), left: await left() };
  if (question.what !== "start") return undefined;
  const { pipeline, connection, hangs } = question;
  const sink = defineSink({
    process: (batch) => {
      received += batch.length;
      return hangs ? new Promise(() => undefined) : Promise.resolve(batch.map(() => done()));
    },
  });
  const options = { pipeline, connection, sink, signal: end.signal, listen: "127.0.0.1:0" };
  running = runWorker({ ...options, ownProcess: false, logLevel: "silent" });
  return undefined;
}

answerParent(undefined, answer, async () => undefined);
