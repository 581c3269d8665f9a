import { createServer } from "node:net";
import { expect, test } from "vitest";
import { claimSubnet } from "../../../stacks/local/cassandra/subnet.js";

test("two rings at once get two subnets, and a subnet that is given back is free again", async () => {
  const [one, two] = await Promise.all([claimSubnet(3), claimSubnet(3)]);
  expect(one.prefix).not.toBe(two.prefix);
  await one.release();
  await one.release();
  const lower = [one.prefix, two.prefix].sort((a, b) => a.localeCompare(b, "en", { numeric: true }))[0];
  const again = await claimSubnet(3);
  if (lower === one.prefix) expect(again.prefix).toBe(one.prefix);
  else expect(again.prefix).not.toBe(two.prefix);
  await again.release();
  await two.release();
});

test("a subnet is passed over where somebody listens at one of the nodes' ports", async () => {
  const free = await claimSubnet(1);
  await free.release();
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(9042, `${free.prefix}.1`, resolve));
  const next = await claimSubnet(1);
  expect(next.prefix).not.toBe(free.prefix);
  await next.release();
  await new Promise((resolve) => squatter.close(resolve));
});
