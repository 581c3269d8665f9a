import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { pathInputs } from "../../../stacks/local/providers/azure-native/ids.js";
import {
  ARM_TYPES,
  createAzureNativeStandIn,
  type ServiceBusEffects,
  uuidOf,
} from "../../../stacks/local/providers/azure-native/index.js";
import { armInvokes } from "../../../stacks/local/providers/azure-native/invokes.js";
import { ProviderState, parsePath } from "../../../stacks/local/providers/base/index.js";
import { packageRoot } from "../../../stacks/packageRoot.js";

const sdk = createRequire(join(packageRoot(), "package.json"));

/** Inputs of a type, and those it needs, as the SDK of the provider has them. */
function sdkInputs(token: string): { all: string[]; required: string[] } {
  const [, module = "", name = ""] = token.split(":");
  const file = sdk.resolve(`@pulumi/azure-native/${module}/${name.charAt(0).toLowerCase()}${name.slice(1)}.js`);
  const text = readFileSync(file, "utf8");
  const found = (pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1] ?? "");
  return {
    all: found(/resourceInputs\["(\w+)"\] = (?!undefined)/g),
    required: found(/Missing required property '(\w+)'/g),
  };
}

describe("the table of types", () => {
  it.each(Object.entries(ARM_TYPES))("names inputs of %s that the SDK has, and all that it needs", (token, type) => {
    const { all, required } = sdkInputs(token);
    const defaults = Object.keys(type.defaults ?? {});
    const named = [...pathInputs(type.path), ...(type.replaceOn ?? []), ...(type.refusesChange ?? []), ...defaults];
    const top = named.map((path) => String(parsePath(path)[0]));
    expect(top.filter((name) => !all.includes(name))).toEqual([]);
    expect(all.includes("location") || type.located === undefined).toBe(true);
    const known = [...pathInputs(type.path), ...(type.required ?? [])];
    expect(required.filter((name) => !known.includes(name))).toEqual([]);
  });

  it("gives every type a path of its own and a name rule where its name is free", () => {
    const paths = Object.values(ARM_TYPES).map((type) => type.path.toLowerCase());
    expect(new Set(paths).size).toBe(paths.length);
    for (const [token, type] of Object.entries(ARM_TYPES)) {
      expect([token, type.name !== undefined]).toEqual([token, type.autoName !== "fixed"]);
    }
  });
});

describe("the stand-in for azure-native", () => {
  it("brings about again what its state holds, each after what it lies in, with the endpoint of now", async () => {
    const dir = mkdtempSync(join(tmpdir(), "stowage-replay-"));
    try {
      const stateFile = join(dir, "azure.json");
      const state = new ProviderState(stateFile);
      const bus = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ServiceBus/namespaces/bus-1";
      const put = (type: string, id: string) =>
        state.put({ type: `azure-native:servicebus:${type}`, id, inputs: {}, outputs: { lockDuration: "PT1M" } });
      put("Rule", `${bus}/topics/t/subscriptions/s/rules/big`);
      put("Subscription", `${bus}/topics/t/subscriptions/s`);
      put("Queue", `${bus}/queues/orders~eu`);
      put("Topic", `${bus}/topics/t`);
      put("Namespace", bus);
      const calls: string[] = [];
      const note = async (...parts: unknown[]) => {
        calls.push(parts.filter((part) => typeof part === "string").join(" "));
      };
      const effects: ServiceBusEffects = {
        namespaceCreated: async (name) => {
          await note("namespace", name);
          return { endpoint: "http://127.0.0.1:9/" };
        },
        namespaceDeleted: note,
        putQueue: (...args) => note("queue", ...args),
        deleteQueue: note,
        putTopic: (...args) => note("topic", ...args),
        deleteTopic: note,
        putSubscription: (...args) => note("subscription", ...args),
        deleteSubscription: note,
        putRule: (...args) => note("rule", ...args),
        deleteRule: note,
      };
      const standIn = await createAzureNativeStandIn({ stateFile, effects });
      expect(calls).toEqual([
        "namespace bus-1",
        "topic bus-1 t",
        "queue bus-1 orders/eu",
        "subscription bus-1 t s",
        "rule bus-1 t s big",
      ]);
      expect(standIn.state.get("azure-native:servicebus:Namespace", bus)?.outputs["serviceBusEndpoint"]).toBe(
        "http://127.0.0.1:9/",
      );
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it("says who it is, and what the adopted cluster's issuer is", async () => {
    const settings = {
      subscriptionId: "sub",
      tenantId: "tenant",
      location: undefined,
      resourceGroups: undefined,
      effects: undefined,
      now: () => new Date(0),
    };
    const ask = async (cluster?: { oidcIssuerUrl: string }) => {
      const invoke = armInvokes(settings, cluster)["azure-native:containerservice:getManagedCluster"];
      const context = { state: new ProviderState("/nonexistent/state.json"), signal: new AbortController().signal };
      return invoke?.({ resourceGroupName: "g", resourceName: "aks" }, context);
    };
    expect(await ask()).toMatchObject({
      id: "/subscriptions/sub/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/aks",
      oidcIssuerProfile: {
        enabled: true,
        issuerURL: expect.stringMatching(/^https:\/\/westeurope\.oic\.prod-aks\.azure\.com\/tenant\/[0-9a-f-]{36}\/$/),
      },
    });
    const adopted = await ask({ oidcIssuerUrl: "http://127.0.0.1:1/" });
    expect(adopted?.["oidcIssuerProfile"]).toEqual({ enabled: true, issuerURL: "http://127.0.0.1:1/" });
  });

  it("makes UUIDs that are the same for the same text", () => {
    expect(uuidOf("a")).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(uuidOf("a")).toBe(uuidOf("a"));
    expect(uuidOf("a")).not.toBe(uuidOf("b"));
  });
});
