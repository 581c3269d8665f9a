import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import {
  type CassandraAccess,
  type ExistingRingArgs,
  existingRing,
  ringAccess,
  ringNames,
} from "../../../components/cassandra/index.js";
import { run } from "../support/mocks.js";
import { ringArgs } from "./args.js";

/** The access with its values known. */
async function known(access: () => CassandraAccess): Promise<unknown> {
  const built = await run(() => pulumi.output(access()), { preview: false });
  return built.known(built.value);
}

const service = "stowage-ring-dc1-service.cassandra.svc";

describe("how a ring is reached that is made here", () => {
  it("is its service, over TLS that bears the service's name, as the superuser that the operator makes", async () => {
    expect(await known(() => ringAccess(ringArgs()))).toEqual({
      namespace: "cassandra",
      contactPoints: [service],
      port: 9042,
      datacenter: "dc1",
      superuserSecret: "stowage-ring-superuser",
      tls: { secret: "stowage-ring-node-tls", key: "ca.crt", serverName: service },
      rotation: "30d",
    });
  });

  it("says the superuser of one's own, the reader and the rotation that are asked for", async () => {
    const args = ringArgs({ superuserSecret: "administrator", reader: true, rotation: "7d" });
    expect(await known(() => ringAccess(args))).toMatchObject({
      superuserSecret: "administrator",
      readerSecret: "stowage-ring-reader",
      rotation: "7d",
    });
  });

  it("has neither superuser nor authority where nobody is asked and nothing is encrypted", async () => {
    expect(await known(() => ringAccess(ringArgs({ authentication: false, tls: false })))).toEqual({
      namespace: "cassandra",
      contactPoints: [service],
      port: 9042,
      datacenter: "dc1",
      rotation: "30d",
    });
  });

  it("has names that tell one ring's objects from another's", () => {
    expect(Object.values(ringNames("Stowage_Ring")).every((name) => name.startsWith("stowage-ring-"))).toBe(true);
  });
});

const existing: ExistingRingArgs = {
  namespace: "telemetry",
  contactPoints: ["10.1.0.4", "10.1.0.5"],
  datacenter: "DC-West",
};

describe("how a ring is reached that is there already", () => {
  it("is what is said of it, with Cassandra's own port", () => {
    expect(existingRing(existing)).toEqual({ ...existing, port: 9042, rotation: "30d" });
  });

  it("may have an administrator, an authority, a reader, another port and another rotation", () => {
    const args: ExistingRingArgs = {
      ...existing,
      port: 9142,
      superuserSecret: "administrator",
      tls: { secret: "authority", serverName: "ring.example" },
      readerSecret: "reader",
      rotation: "90d",
    };
    expect(existingRing(args)).toEqual({
      ...args,
      tls: { secret: "authority", key: "ca.crt", serverName: "ring.example" },
    });
  });

  it("is taken where a setting is said to be undefined, as programs leave one out", () => {
    const args = { ...existing, tls: undefined } as unknown as ExistingRingArgs;
    expect(existingRing(args)).toEqual({ ...existing, port: 9042, rotation: "30d" });
  });

  const refusals: [string, object, string][] = [
    ["no host", { contactPoints: [] }, "contactPoints: must have at least one entry"],
    ["a port that is none", { port: 70_000 }, "port: must be a whole number from 1 to 65535 (found 70000)"],
    ["a rotation that is none", { rotation: "monthly" }, "rotation: must be a duration from 1d to 365d"],
    ["a rotation that no schedule says", { rotation: "45d" }, "rotation: must be what a CronJob's schedule can say"],
    [
      "a misspelt key",
      { superUserSecret: "x" },
      'superUserSecret: unknown key (found "x"). Did you mean superuserSecret?',
    ],
  ];
  it.each(refusals)("is refused with %s", (_what, changed, expected) => {
    expect(() => existingRing({ ...existing, ...changed })).toThrow(expected);
  });
});
