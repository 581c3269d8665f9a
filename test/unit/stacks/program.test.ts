import * as pulumi from "@pulumi/pulumi";
import { afterEach, describe, expect, it, vi } from "vitest";
import { clusterCalls, configOf, type Environment } from "../support/environments.js";
import { run } from "../support/mocks.js";

type Program = typeof import("../../../stacks/index.js");

/** Runs the program as Pulumi does: the module is loaded anew, with the configuration of an environment. */
async function program(environment: Environment, changed: { [key: string]: string } = {}) {
  vi.resetModules();
  const config = { ...configOf(environment), ...changed };
  return run(
    () => {
      pulumi.runtime.setAllConfig(config);
      return import("../../../stacks/index.js") as Promise<Program>;
    },
    { preview: false, calls: clusterCalls },
  );
}

describe("the program of a stack", () => {
  afterEach(() => vi.resetModules());

  it("exports the rights, where things are, and the pipelines as the workers get them", async () => {
    const { value, resources, known } = await program("dev");
    const outputs = await value;
    expect(Object.keys(outputs).sort()).toEqual([
      "clientIds",
      "deployerClientIds",
      "deployments",
      "endpoints",
      "namespace",
      "pipelines",
      "resourceGroup",
      "rights",
      "rightsTable",
      "serviceBusHost",
      "serviceBusNamespace",
      "survives",
    ]);
    expect(resources.length).toBeGreaterThan(60);
    expect(await known(outputs.serviceBusHost)).toBe("contoso-stowage-dev.servicebus.windows.net");
    expect(((await known(outputs.pipelines)) ?? []).map((p) => p.name)).toEqual(["renders", "volumes", "telemetry"]);
    expect(await known(outputs.deployments)).toEqual({
      renders: "renders",
      volumes: "volumes",
      telemetry: "telemetry",
    });
    expect(await known(outputs.survives)).toContain(
      "telemetry: LOCAL_QUORUM survives the loss of any one zone, any one rack, any 1 node; it waits for 2 of 3 replicas",
    );
    expect(await known(outputs.endpoints.glusterClaims)).toEqual({ results: "stowage-gluster-results" });
    expect(await known(outputs.rights)).toContainEqual({
      identity: "stowage-volumes",
      kind: "worker",
      principalType: "ServicePrincipal",
      namespace: "contoso-stowage-dev",
      scope: "queue",
      entity: "volumes-replies",
      right: "send",
      role: "Azure Service Bus Data Sender",
    });
  });

  it("prints the rights as a table, with every entity and with who has none", async () => {
    const { value, known } = await program("dev");
    const outputs = await value;
    const lines = ((await known(outputs.rightsTable)) ?? "").split("\n");
    const cells = (entity: string) =>
      lines
        .map((line) => line.split(/ {2,}/))
        .filter(([, path]) => path === entity)
        .map((line) => line.slice(2));
    expect(cells("volumes")).toEqual([
      ["stowage-volumes", "worker", "ServicePrincipal", "no", "yes", "no", "queue volumes"],
      ["stowage-developers_producer", "producer", "Group", "yes", "no", "no", "queue volumes"],
    ]);
    expect(cells("events/subscriptions/readings")).toEqual([
      [
        "stowage-telemetry",
        "worker",
        "ServicePrincipal",
        "no",
        "yes",
        "no",
        "subscription events/subscriptions/readings",
      ],
      [
        "stowage-telemetry_autoscaler",
        "autoscaler",
        "ServicePrincipal",
        "no",
        "yes",
        "yes",
        "subscription events/subscriptions/readings",
      ],
    ]);
    expect(cells("graveyard")).toEqual([["nobody", "no", "no", "no"]]);
    expect(lines.at(-1)).toBe("Without any right here: stowage-ci_deployer (deployer).");
    expect(await known(outputs.deployerClientIds)).toEqual({ ci: "11111111-1111-4111-8111-111111111111" });
  });

  it("ends with the problems of its configuration and no stack trace, before anything is registered", async () => {
    const { value, resources } = await program("dev", { "stowage:colour": "blue" });
    const error: unknown = await value.then(
      () => "accepted",
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ name: "Error", __pulumiRunError: true });
    expect(String(error)).toMatch(/Invalid configuration of stack test: 1 problem\n {2}- stowage:colour: unknown key/);
    expect(resources).toEqual([]);
  });
});
