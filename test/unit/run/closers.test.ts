import { createServer } from "node:net";
import { expect, it } from "vitest";
import { Closers } from "../../../stacks/local/run/closers.js";
import { holderOf, listeningIn, listeningNow } from "../../../stacks/local/run/ports.js";

it("everything that was opened is closed, the last first, even where one fails", async () => {
  const order: string[] = [];
  const closers = new Closers();
  closers.add(() => order.push("first"));
  closers.add(() => {
    throw new Error("the second cannot be closed");
  });
  closers.add(async () => order.push("third"));
  await expect(closers.close()).rejects.toThrow("the second cannot be closed");
  expect(order).toEqual(["third", "first"]);
  await closers.close();
  expect(order).toHaveLength(2);
});

it("a listening port is seen with the process that holds it, and no longer once it is closed", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const mine = listeningIn(process.pid).filter((each) => each.endsWith(`:${port}`));
  expect(mine).toHaveLength(1);
  // A port of one's own is nobody else's.
  expect(holderOf(port)).toBeUndefined();
  await new Promise((resolve) => server.close(resolve));
  expect(listeningNow()).not.toContain(mine[0]);
});
