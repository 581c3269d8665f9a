import { type Connection, ExitCode, type Pipeline } from "../../runtime/contract/index.js";
import type { ProcessKit, RunningWorker } from "../e2e/workerProcess.js";

/** How a worker of the fleet ended. */
export interface WorkerEnd {
  status: number | string;
  stderr: string;
  /** Times that it was told to end. */
  told: number;
  /** The last lines of its log. */
  lines: object[];
}

/** How long a worker that ended stays away, in milliseconds: as a restarted container does, only shorter. */
const RESTART_MILLISECONDS = 300;
/** How long workers may take to end after SIGTERM, in milliseconds: more than the pipeline's grace period. */
const END_MILLISECONDS = 20_000;

/** Told to end, killed, or without progress, so that a new process starts afresh. */
const EXPECTED: ReadonlySet<number | string> = new Set([ExitCode.Ok, ExitCode.NoProgress, "SIGKILL", "SIGTERM"]);
const LEAK_WARNING = "MaxListenersExceededWarning";

/** Workers of one pipeline, each replaced when it ends, as a deployment does. */
export class Fleet {
  readonly ends: WorkerEnd[] = [];
  private readonly workers: (RunningWorker | undefined)[];
  /** Times that a worker was told to end. */
  private readonly told = new WeakMap<RunningWorker, number>();
  private readonly waking = new Set<Promise<void>>();
  private ending = false;

  constructor(
    private readonly kit: ProcessKit,
    private readonly pipeline: Pipeline,
    private readonly connection: Connection,
    size: number,
  ) {
    this.workers = Array.from({ length: size }, () => undefined);
    for (const slot of this.workers.keys()) this.start(slot);
  }

  /** Those that run now. */
  get running(): RunningWorker[] {
    return this.workers.filter((worker) => worker !== undefined);
  }

  signal(slot: number, signal: NodeJS.Signals): void {
    const worker = this.workers[slot % this.workers.length];
    if (worker === undefined) return;
    if (signal === "SIGTERM") this.told.set(worker, (this.told.get(worker) ?? 0) + 1);
    worker.signal(signal);
  }

  /** Stops a worker for a time, so that its locks end while it believes that it holds them. */
  suspend(slot: number, milliseconds: number): void {
    const worker = this.workers[slot % this.workers.length];
    worker?.signal("SIGSTOP");
    const awake = new Promise<void>((resolve) => setTimeout(resolve, milliseconds)).then(() => {
      worker?.signal("SIGCONT");
      this.waking.delete(awake);
    });
    this.waking.add(awake);
  }

  /** Workers that ended as none should, in words; and warnings that they left behind. */
  get broken(): string[] {
    return this.ends.flatMap(({ status, stderr, lines, told }) => [
      // Told a second time it ends at once, and says with its status that it did not finish.
      ...(EXPECTED.has(status) || (told > 1 && status === ExitCode.Failed)
        ? []
        : [`a worker ended with ${status}: ${JSON.stringify(lines)} ${stderr.slice(-2_000)}`]),
      ...(stderr.includes(LEAK_WARNING) ? [`a worker leaks listeners: ${stderr.slice(-2_000)}`] : []),
    ]);
  }

  /** Ends all of them by SIGTERM; gives, in words, what went wrong with any of them until then. */
  async end(): Promise<string[]> {
    this.ending = true;
    await Promise.all(this.waking);
    const last = this.running;
    // One that has just begun knows no signals yet.
    await Promise.all(last.map((worker) => Promise.race([worker.ask("/livez").catch(() => undefined), worker.ended])));
    for (const worker of last) worker.signal("SIGTERM");
    const timers = last.map((worker) => setTimeout(() => worker.signal("SIGKILL"), END_MILLISECONDS));
    const statuses = await Promise.all(last.map((worker) => worker.ended));
    for (const timer of timers) clearTimeout(timer);
    const late = statuses.filter((status) => status !== 0).map((status) => `a worker ended with ${status} on SIGTERM`);
    return [...late, ...this.broken];
  }

  /** No worker is replaced any more; for who gives up. */
  abandon(): void {
    this.ending = true;
  }

  private start(slot: number): void {
    const worker = this.kit.start(this.pipeline, this.connection);
    this.workers[slot] = worker;
    void worker.ended.then((status) => {
      this.ends.push({
        status,
        told: this.told.get(worker) ?? 0,
        stderr: worker.stderr,
        lines: worker.lines.slice(-3),
      });
      this.workers[slot] = undefined;
      // A worker's lines are looked at while it runs only.
      worker.lines.length = 0;
      if (!this.ending) setTimeout(() => !this.ending && this.start(slot), RESTART_MILLISECONDS);
    });
  }
}
