import { describe, expect, it } from "vitest";
import {
  azureTenant,
  clusterIssuer,
  localConfig,
  operatorNamespaces,
  producers,
  trackedNodes,
} from "../../../stacks/local/config.js";
import { packageRoot } from "../../../stacks/packageRoot.js";

const endpoints = { linstorUrl: "http://127.0.0.1:3370", contactPoints: ["127.0.1.1"] };

describe("the configuration of a local run", () => {
  it("tells the workers where the far ends are, and leaves the tracked ring alone", () => {
    expect(localConfig(packageRoot(), { nodes: trackedNodes(packageRoot()) }, endpoints)).toEqual({
      "stowage:developmentEmulator": false,
      "stowage:instanceDiscovery": false,
      "stowage:endpoints": {
        linstor: { controllers: ["http://127.0.0.1:3370"] },
        cassandra: { contactPoints: ["127.0.1.1"] },
      },
    });
  });

  it("of a small run has one node in the first rack, with one replica", () => {
    const storage = localConfig(packageRoot(), { nodes: 1 }, endpoints)["stowage:storage"];
    expect(storage).toMatchObject({
      gluster: expect.anything(),
      cassandra: { size: 1, racks: [{ name: "r1" }], replication: { telemetry: 1 } },
    });
  });

  it.each([
    [2, 1],
    [6, 3],
  ])("of %i nodes has %i replicas: never more than are planned, never an even count", (nodes, replicas) => {
    const storage = localConfig(packageRoot(), { nodes }, endpoints)["stowage:storage"];
    expect(storage).toMatchObject({ cassandra: { size: nodes, replication: { telemetry: replicas } } });
  });

  it("with an emulator has no identities, whatever the tracked file says", () => {
    const config = localConfig(packageRoot(), { nodes: 1 }, endpoints, { emulator: true });
    expect(config).toMatchObject({ "stowage:developmentEmulator": true, "stowage:instanceDiscovery": true });
  });

  it("knows the cluster's issuer, and the producers that this machine can log in as", () => {
    expect(clusterIssuer(packageRoot())).toBe("https://issuer.stowage.invalid/");
    expect(azureTenant(packageRoot())).toBeUndefined();
    const [sample] = producers(packageRoot());
    expect(sample).toMatchObject({ name: "sample", principalId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  });

  it("knows the namespaces of the operators, which are there already", () => {
    expect(operatorNamespaces(packageRoot())).toEqual(["piraeus-datastore", "cassandra"]);
  });
});
