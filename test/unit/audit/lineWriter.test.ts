import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LineWriter } from "../../../runtime/telemetry/lineWriter.js";

const LINE = `${"x".repeat(99)}\n`;

describe("the one writer of a descriptor", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "stowage-lines-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test("keeps lines whole and in order, whoever gives them", async () => {
    const path = join(folder, "out");
    const fd = openSync(path, "a");
    const writer = LineWriter.of(fd);
    expect(LineWriter.of(fd)).toBe(writer);
    const appended: Promise<void>[] = [];
    for (let i = 0; i < 1_000; i++) {
      writer.write(`log ${i}\n`);
      appended.push(writer.append(Buffer.from(`audit ${i}\n`)));
    }
    writer.write("last\n");
    await Promise.all(appended);
    writer.flushSync();
    closeSync(fd);
    const expected = Array.from({ length: 1_000 }, (_, i) => `log ${i}\naudit ${i}\n`).join("");
    expect(readFileSync(path, "utf8")).toBe(`${expected}last\n`);
  });

  test("tells each of those who wait that their lines were not taken", async () => {
    const fd = openSync("/dev/full", "a");
    try {
      const writer = LineWriter.of(fd);
      for (let i = 0; i < 2; i++)
        await expect(writer.append(Buffer.from(LINE))).rejects.toMatchObject({ code: "ENOSPC" });
    } finally {
      closeSync(fd);
    }
  });

  test("waits at the end of a process for the reader of a full pipe, within its limit", async () => {
    const fifo = join(folder, "pipe");
    execFileSync("mkfifo", [fifo]);
    const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    // One line keeps the reader waiting for more; it begins late, when the pipe is full.
    const reader = spawn("sh", ["-c", `sleep 0.3; head -c ${10_000 * LINE.length} "${fifo}" > "${folder}/read"`]);
    try {
      const writer = LineWriter.of(fd);
      for (let i = 0; i < 10_000; i++) writer.write(LINE);
      await new Promise((resolve) => setImmediate(resolve));
      writer.flushSync();
      await once(reader, "exit");
      expect(readFileSync(join(folder, "read"), "utf8").length).toBe(10_000 * LINE.length);
    } finally {
      reader.kill();
      closeSync(fd);
    }
    const full = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      expect(() => {
        for (;;) writeSync(full, LINE);
      }).toThrow("EAGAIN");
      const writer = LineWriter.of(full);
      writer.write(LINE);
      const began = performance.now();
      expect(() => writer.flushSync()).toThrow("EAGAIN");
      expect(performance.now() - began).toBeLessThan(5_000);
    } finally {
      closeSync(full);
    }
  });
});
