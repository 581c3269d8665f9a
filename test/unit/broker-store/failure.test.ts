import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { Namespace } from "../../../stacks/local/broker/core/namespace.js";
import { Store } from "../../../stacks/local/broker/store/store.js";
import { content, FakeClock, queueAt } from "../broker/helpers.js";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "stowage-failure-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A namespace kept in a folder, whose contents are written by `encode`. */
function kept(data: string, encode: () => Buffer) {
  const failures: string[] = [];
  const store = new Store({
    folder: data,
    codec: { encode, decode: (bytes) => content(bytes.toString()) },
    failed: ({ message }) => void failures.push(message),
  });
  onTestFinished(() => store.close());
  const namespace = new Namespace({ clock: new FakeClock(), maxBytes: 1_000_000, settled: () => {}, journal: store });
  store.restore(namespace);
  return { store, namespace, failures };
}

it("what cannot be written is told once; from then on nothing is confirmed, and what was on the disk before is there", () => {
  const data = folder();
  let broken = false;
  const encode = (): Buffer => {
    if (broken) throw new Error("no space left on device");
    return Buffer.from("kept");
  };
  const { store, namespace, failures } = kept(data, encode);
  namespace.putQueue("orders", {});
  queueAt(namespace, "orders").send([content("kept")]);
  store.commit();
  broken = true;
  queueAt(namespace, "orders").send([content("lost")]);
  expect(() => store.commit()).toThrow("no space left");
  broken = false;
  expect(() => store.commit()).toThrow("no space left");
  expect(failures).toEqual(["no space left on device"]);
  store.close();
  const again = kept(data, encode);
  expect(
    queueAt(again.namespace, "orders")
      .peek(0, { messages: 10, bytes: 1_000 })
      .map((m) => m.content.messageId),
  ).toEqual(["kept"]);
});

it("a message that came and went between two writes is never written", () => {
  let written = 0;
  const { store, namespace } = kept(folder(), () => {
    written++;
    return Buffer.from("x");
  });
  namespace.putQueue("orders", {});
  const queue = queueAt(namespace, "orders");
  const [number = 0] = queue.send([{ ...content("later"), scheduledAt: 2_000_000 }]);
  queue.cancelScheduled([number]);
  queue.send([content("stays")]);
  store.commit();
  expect(written).toBe(1);
});
