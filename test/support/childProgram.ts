import { type ChildProcess, type ForkOptions, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { build } from "esbuild";
import { packageRoot } from "../../stacks/packageRoot.js";

/** A question to a child, and its answer; the first answer, of id 0, comes unasked once the child is ready. */
export interface Told<T> {
  id: number;
  value?: T;
  failure?: string;
}

export interface ChildOptions {
  /** What the program is given as its one argument, as JSON. */
  options?: unknown;
  execArgv?: string[];
  /** How long it may take to be ready, or to answer, in milliseconds. @default 60000 */
  limitMs?: number;
}

/**
 * A program of the tests in a process of its own, asked questions over a channel; `answerParent` is its other end.
 * @typeParam Question what it is asked
 */
export class ChildProgram<Question extends { what: string }> {
  readonly child: ChildProcess;
  readonly #limitMs: number;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  readonly #remove: () => void;
  #stderr = "";
  #nextId = 1;

  private constructor(child: ChildProcess, limitMs: number, remove: () => void) {
    this.child = child;
    this.#limitMs = limitMs;
    this.#remove = remove;
    child.stderr?.on("data", (part: Buffer) => {
      this.#stderr = (this.#stderr + part.toString()).slice(-20_000);
    });
    child.on("message", (told: Told<unknown>) => {
      const asked = this.#waiting.get(told.id);
      if (told.failure === undefined) asked?.resolve(told.value);
      else asked?.reject(new Error(told.failure));
    });
    child.once("exit", (code, signal) => {
      this.#remove();
      const error = new Error(`The process ended (${signal ?? code}): ${this.#stderr}`);
      for (const { reject } of this.#waiting.values()) reject(error);
    });
  }

  /**
   * Starts a program of this project's tests.
   * @param source its path from the package's root, `test/…/….ts`
   * @returns it, and what it said when it was ready
   */
  static async start<Question extends { what: string }, Ready>(
    source: string,
    { options, execArgv = [], limitMs = 60_000 }: ChildOptions = {},
  ): Promise<{ program: ChildProgram<Question>; ready: Ready }> {
    const { path, remove } = await runnable(source);
    const forked: ForkOptions = { execArgv, stdio: ["ignore", "inherit", "pipe", "ipc"] };
    const child = fork(path, [JSON.stringify(options ?? {})], forked);
    const program = new ChildProgram<Question>(child, limitMs, remove);
    return { program, ready: (await program.#answer(0, `ready of ${source}`)) as Ready };
  }

  /** What it wrote to standard error, the end of it. */
  get stderr(): string {
    return this.#stderr;
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  async ask<Answer>(question: Question): Promise<Answer> {
    const id = this.#nextId++;
    const answer = this.#answer(id, question.what);
    this.child.send({ id, question });
    return (await answer) as Answer;
  }

  /** Asks it to end and waits; it is killed where that takes longer than five seconds. */
  async close(): Promise<void> {
    if (this.ended) return;
    const gone = once(this.child, "exit");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 5_000);
    this.child.disconnect();
    await gone;
    clearTimeout(timer);
  }

  /** Ends it without a word. */
  async kill(): Promise<void> {
    if (this.ended) return;
    const gone = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await gone;
  }

  #answer(id: number, what: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        settle();
      };
      const late = new Error(`No answer to '${what}' within ${this.#limitMs} ms.`);
      const timer = setTimeout(() => finish(() => reject(late)), this.#limitMs);
      this.#waiting.set(id, {
        resolve: (value) => finish(() => resolve(value)),
        reject: (error) => finish(() => reject(error)),
      });
    });
  }
}

/**
 * The child's side: answers its parent's questions, and runs `close` when the parent has gone.
 * @param ready what the parent is told first
 */
export function answerParent<Question>(
  ready: unknown,
  answer: (question: Question) => unknown,
  close: () => Promise<void>,
): void {
  process.on("message", ({ id, question }: { id: number; question: Question }) => {
    Promise.resolve()
      .then(() => answer(question))
      .then(
        (value) => process.send?.({ id, value }),
        (error: unknown) => process.send?.({ id, failure: error instanceof Error ? error.stack : String(error) }),
      );
  });
  process.once("disconnect", () => {
    close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
  process.send?.({ id: 0, value: ready });
}

/** The program as it was compiled, or bundled from its source where the tests run that. */
async function runnable(source: string): Promise<{ path: string; remove(): void }> {
  const compiled = join(packageRoot(), "dist", source.replace(/\.ts$/, ".js"));
  if (__filename.endsWith(".js") && existsSync(compiled)) return { path: compiled, remove: () => {} };
  const folder = mkdtempSync(join(tmpdir(), "stowage-child-"));
  const path = join(folder, basename(source).replace(/\.ts$/, ".cjs"));
  await build({
    entryPoints: [join(packageRoot(), source)],
    bundle: true,
    platform: "node",
    format: "cjs",
    outfile: path,
    logLevel: "silent",
  });
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
