import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ExitCode, type Pipeline } from "../../runtime/index.js";
import { ChildProgram } from "../support/childProgram.js";
import { pipelineOf } from "../unit/bus/fakes.js";
import type { EmbeddedQuestion, Ended } from "./embeddedProgram.js";
import { BusKit, until } from "./workerKit.js";

describe("a worker inside a program", () => {
  let bus: BusKit;
  let program: ChildProgram<EmbeddedQuestion>;
  beforeEach(async () => {
    bus = await new BusKit().open({ lockDurationSeconds: 5 });
    ({ program } = await ChildProgram.start<EmbeddedQuestion, undefined>("test/e2e/embeddedProgram.ts"));
  });
  afterEach(async () => {
    bus.broker.faults.clear();
    await program.close();
    await bus.close();
  });

  const pipeline = (): Pipeline =>
    pipelineOf((p) => {
      p.source.lockDurationSeconds = 5;
      p.sink = { module: { path: "/opt/sink.mjs" } };
      p.delivery = { ...p.delivery, noProgressSeconds: 11, maxProcessingSeconds: 20, shutdownGraceSeconds: 4 };
    });

  async function start(hangs: boolean): Promise<void> {
    await program.ask({ what: "start", pipeline: pipeline(), connection: bus.connection, hangs });
    await bus.send("m", ["one"]);
    await until("it has a message", async () => (await program.ask<number>({ what: "received" })) === 1);
  }

  test("leaves nothing in it once it is stopped", async () => {
    await start(false);
    await program.ask({ what: "stop" });
    expect(await program.ask<Ended>({ what: "ended" })).toEqual({ code: ExitCode.Ok, left: [] });
    expect(bus.broker.counts("renders")).toMatchObject({ active: 0, locked: 0 });
  }, 40_000);

  test("leaves nothing in it once it is stopped while its sink hangs", async () => {
    await start(true);
    await program.ask({ what: "stop" });
    expect(await program.ask<Ended>({ what: "ended" })).toEqual({ code: ExitCode.Ok, left: [] });
  }, 40_000);

  test("leaves no connection and no server in it where it ends without progress: the bus does not answer, and its sink hangs", async () => {
    await start(true);
    // New connections are to get no answer either.
    const freezing = setInterval(() => bus.broker.faults.freeze(), 100);
    try {
      const { code, left } = await program.ask<Ended>({ what: "ended" });
      // The client's limits on its requests run out by themselves, within a minute: it has no way to call them off.
      expect([code, left.filter((name) => name !== "Timeout")]).toEqual([ExitCode.NoProgress, []]);
    } finally {
      clearInterval(freezing);
    }
  }, 60_000);
});
