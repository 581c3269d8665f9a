import { afterAll, beforeAll } from "vitest";
import { startTestRing, type TestRing } from "./cassandraHarness.js";

/** A ring of one node for all tests of a file, started before the first and ended after the last; with settings of cassandra.yaml. */
export function oneNode(name: string, settings: Record<string, unknown> = {}): Pick<TestRing, "ring" | "client"> {
  let kit: TestRing | undefined;
  beforeAll(async () => {
    kit = await startTestRing({ name, datacenter: "dc1", size: 1, racks: ["r1"], numTokens: 4, settings });
  }, 120_000);
  afterAll(() => kit?.end(), 30_000);
  const started = (): TestRing => {
    if (kit === undefined) throw new Error("The ring is asked for before the tests begin.");
    return kit;
  };
  return {
    get ring() {
      return started().ring;
    },
    get client() {
      return started().client;
    },
  };
}
