import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Integration, type IntegrationArgs } from "../../../components/integration/index.js";
import { parsePipeline } from "../../../runtime/contract/index.js";
import { packageRoot } from "../../../stacks/packageRoot.js";
import { argsOf, clusterCalls, type Environment, environments, ISSUER } from "../support/environments.js";
import { failureOf, type Registered, run, UNKNOWN } from "../support/mocks.js";

const QUEUE = "azure-native:servicebus:Queue";
const CREDENTIAL = "azure-native:managedidentity:FederatedIdentityCredential";
const ASSIGNMENT = "azure-native:authorization:RoleAssignment";
const DEPLOYMENT = "kubernetes:apps/v1:Deployment";
const CONFIG = "kubernetes:core/v1:ConfigMap";
const RELEASE = "kubernetes:helm.sh/v3:Release";
const NAMESPACE = "kubernetes:core/v1:Namespace";
const AUTHENTICATION = "kubernetes:keda.sh/v1alpha1:TriggerAuthentication";

const build = (args: IntegrationArgs, preview: boolean) =>
  run(() => new Integration("stowage", args), { preview, calls: clusterCalls });
/** What each environment registers; it is only looked at, so that one run serves every test. */
const runs = new Map<string, ReturnType<typeof build>>();
function buildOf(environment: Environment, preview: boolean): ReturnType<typeof build> {
  const key = `${environment} ${preview}`;
  const known = runs.get(key) ?? build(argsOf(environment), preview);
  runs.set(key, known);
  return known;
}

/** The worker's connection, as it stands in a pipeline's config map. */
function connectionOf(configMap: Registered): unknown {
  const { "connection.json": json } = configMap.inputs["data"] as { "connection.json": string };
  return json === UNKNOWN ? UNKNOWN : JSON.parse(json);
}

describe.each(environments)("the environment %s", (environment) => {
  it.each([
    ["a preview", true],
    ["a real run", false],
  ])(
    "registers the same resources in %s, each below a component and none twice",
    async (_, preview) => {
      const { resources } = await buildOf(environment, preview);
      const urns = resources.map((r) => r.urn);
      expect(new Set(urns).size).toBe(urns.length);
      const other = await buildOf(environment, !preview);
      expect(other.resources.map((r) => r.urn).sort()).toEqual([...urns].sort());
      const orphans = resources.filter((r) => r.parent === undefined);
      expect(orphans.map((r) => r.type)).toEqual(["stowage:index:Integration"]);
      const parents = new Set(resources.flatMap((r) => r.parent ?? []));
      for (const parent of parents) expect(parent).toMatch(/^stowage:index:/);
    },
    60_000,
  );

  it("grants every worker its source and its replies, every producer what it is given, and nothing else", async () => {
    const args = argsOf(environment);
    const { value, known, all } = await buildOf(environment, true);
    const { name: first, disasterRecovery } = args.serviceBus.namespace;
    // Geo-disaster recovery copies no grants: each is made on both.
    const namespaces = [first, ...(disasterRecovery === undefined ? [] : [disasterRecovery.name])];
    const expectedIn = (namespace: string | undefined) =>
      Object.entries(args.pipelines).flatMap(([name, { source, replyQueues = [], scaling }]) => {
        const entity = source.queue ?? `${source.topic}/subscriptions/${source.subscription}`;
        const scope = source.queue === undefined ? "subscription" : "queue";
        const common = { principalType: "ServicePrincipal", namespace };
        const worker = { ...common, identity: `stowage-${name}`, kind: "worker" };
        const autoscaler = { ...common, identity: `stowage-${name}_autoscaler`, kind: "autoscaler" };
        return [
          { ...worker, scope, entity, right: "receive", role: "Azure Service Bus Data Receiver" },
          ...replyQueues.map((queue) => ({
            ...worker,
            scope: "queue",
            entity: queue,
            right: "send",
            role: "Azure Service Bus Data Sender",
          })),
          ...(scaling === undefined
            ? []
            : [{ ...autoscaler, scope, entity, right: "manage", role: "Azure Service Bus Data Owner" }]),
        ];
      });
    const rights = (await known(value.rights)) ?? [];
    const own = rights.filter((row) => row.kind === "worker" || row.kind === "autoscaler");
    for (const namespace of namespaces)
      expect(own.filter((row) => row.namespace === namespace)).toEqual(expectedIn(namespace));
    const others = [...Object.entries(args.producers ?? {}), ...Object.entries(args.deployers ?? {})].flatMap(
      ([, { grants = [] }]) => grants,
    );
    expect(rights).toHaveLength(namespaces.length * (expectedIn(first).length + others.length));
    expect(all(ASSIGNMENT)).toHaveLength(rights.length);
  });

  it("makes each assignment wait for its own entity alone", async () => {
    const { all } = await buildOf(environment, false);
    for (const assignment of all(ASSIGNMENT)) {
      const entities = assignment.dependsOn.filter((d) => /:(Queue|Topic|Subscription) /.test(d));
      const scope = String(assignment.inputs["scope"]);
      const kind = /\/(queues|topics|subscriptions)\/[^/]+$/.exec(scope)?.[1];
      expect(kind, scope).toBeDefined();
      // A subscription's id needs its topic, and nothing more.
      const own = entities.filter((d) => kind !== "subscriptions" || !d.startsWith("azure-native:servicebus:Topic "));
      expect(own).toHaveLength(1);
    }
  });

  it("gives the workers pipelines that they take, each with its entity's own lock, deliveries and sessions", async () => {
    const args = argsOf(environment);
    const { all, value, known } = await buildOf(environment, false);
    const pipelines = all(CONFIG).flatMap((configMap) => {
      const { "pipeline.json": json } = configMap.inputs["data"] as { [file: string]: string };
      return json === undefined ? [] : [parsePipeline(JSON.parse(json))];
    });
    expect(Object.values((await known(value.pipelines)) ?? {})).toEqual(
      Object.keys(args.pipelines).map((name) => pipelines.find((p) => p.name === name)),
    );
    for (const { name, source } of pipelines) {
      const { queue, topic = "", subscription = "" } = args.pipelines[name]?.source ?? {};
      const { queues = {}, topics = {} } = args.serviceBus;
      const entity = queue === undefined ? topics[topic]?.subscriptions?.[subscription] : queues[queue];
      expect(source).toMatchObject({
        lockDurationSeconds: entity?.lockDurationSeconds ?? 60,
        maxDeliveryCount: entity?.maxDeliveryCount ?? 10,
        sessions: entity?.requiresSession ?? false,
      });
    }
  });

  it("lets a pipeline's worker start after its rights and its store", async () => {
    const { one } = await buildOf(environment, true);
    expect(one("stowage:index:Worker", "stowage-renders").dependsOn).toEqual(
      expect.arrayContaining([
        `${ASSIGNMENT} stowage-renders-receive-renders`,
        "kubernetes:core/v1:PersistentVolumeClaim stowage-gluster-results",
      ]),
    );
    expect(one("stowage:index:Worker", "stowage-telemetry").dependsOn).toContainEqual(
      expect.stringMatching(/^kubernetes:.*(K8ssandraCluster|CassandraDatacenter) stowage-cassandra$/),
    );
  });
});

describe("the types that the components document", () => {
  /** The tokens of the list below `## Resources` of a component's README. */
  const documented = (folder: string): string[] => {
    const text = readFileSync(join(packageRoot(), "components", folder, "README.md"), "utf8");
    const section = /^## Resources$([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(text)?.[1] ?? "";
    return [...section.matchAll(/^- `([a-z-]+:[^`\s]+)`/gm)].flatMap(([, token]) => token ?? []);
  };
  const folders = ["servicebus", "identity", "worker", "integration", "gluster", "linstor", "cassandra"];

  it("are those that dev and prod register, between them all of them and no others", async () => {
    const both = [await buildOf("dev", true), await buildOf("prod", true)];
    const registered = new Set(both.flatMap((each) => each.resources.map((r) => r.type)));
    const promised = folders.flatMap((folder) => {
      const tokens = documented(folder);
      expect(tokens.length, folder).toBeGreaterThan(0);
      return tokens;
    });
    expect([...registered].filter((type) => !type.startsWith("stowage:")).sort()).toEqual(
      [...new Set(promised)].sort(),
    );
  });
});

describe("Integration", () => {
  it("looks the issuer up where it is not given, and trusts the worker's account alone", async () => {
    const { calls, one } = await buildOf("dev", false);
    expect(calls).toEqual([
      {
        token: "azure-native:containerservice:getManagedCluster",
        inputs: { resourceGroupName: "platform-dev", resourceName: "aks-dev" },
      },
    ]);
    expect(one(CREDENTIAL, "stowage-renders-service-account").inputs).toMatchObject({
      issuer: ISSUER,
      subject: "system:serviceaccount:stowage:renders",
    });
    const given = await buildOf("prod", false);
    expect(given.calls.filter(({ token }) => token.includes(":containerservice:"))).toEqual([]);
  });

  it("says what to do with a cluster that has no issuer", async () => {
    const calls = { "azure-native:containerservice:getManagedCluster": { oidcIssuerProfile: { enabled: false } } };
    const words = await failureOf(() => new Integration("stowage", argsOf("dev")), calls);
    expect(words).toMatch(
      /managedClusters\/aks-dev has no OIDC issuer.*Turn it on: az aks update --enable-oidc-issuer/s,
    );
  });

  it("says which cluster could not be looked up, and what to do", async () => {
    const words = await failureOf(() => new Integration("stowage", argsOf("dev")));
    expect(words).toMatch(
      /Cluster \S+managedClusters\/aks-dev, whose issuer .* could not be looked up: No mock for function .*\. Correct cluster\.id, or give cluster\.oidcIssuerUrl\./,
    );
  });

  it("federates the autoscaler's identity with KEDA's account, and names it in the trigger", async () => {
    const { one, all } = await buildOf("prod", false);
    expect(one(CREDENTIAL, "stowage-renders_autoscaler-service-account").inputs["subject"]).toBe(
      "system:serviceaccount:kube-system:keda-operator",
    );
    expect(one(AUTHENTICATION, "stowage-renders-authentication").dependsOn).toContain(
      "azure-native:managedidentity:UserAssignedIdentity stowage-renders_autoscaler",
    );
    // Those of the jobs beside the ring are in its namespace, and no identity of Azure trusts them.
    const accounts = all("kubernetes:core/v1:ServiceAccount")
      .filter(({ inputs }) => JSON.stringify(inputs["metadata"]).includes('"namespace":"stowage"'))
      .map((a) => a.name);
    expect(accounts.sort()).toEqual([
      "stowage-renders-renders",
      "stowage-telemetry-telemetry",
      "stowage-volumes-volumes",
    ]);
  });

  it("tells the autoscaler the alias of geo-disaster recovery, which outlives the namespace", async () => {
    const { all } = await buildOf("prod", false);
    const scaled = all("kubernetes:keda.sh/v1alpha1:ScaledObject").map((each) => JSON.stringify(each.inputs["spec"]));
    expect(scaled.length).toBeGreaterThan(0);
    for (const spec of scaled) expect(spec).toContain('"namespace":"contoso-stowage"');
  });

  it("tells the workers where things are", async () => {
    const { one } = await buildOf("prod", false);
    const serviceBus = {
      // The alias of geo-disaster recovery.
      fullyQualifiedNamespace: "contoso-stowage.servicebus.windows.net",
      clientId: "11111111-1111-4111-8111-111111111111",
    };
    expect(connectionOf(one(CONFIG, "stowage-renders"))).toEqual({ contractVersion: 1, serviceBus });
    expect(connectionOf(one(CONFIG, "stowage-volumes"))).toEqual({
      contractVersion: 1,
      serviceBus,
      linstor: { controllers: ["http://linstor-controller.piraeus-datastore.svc:3370"] },
    });
    expect(connectionOf(one(CONFIG, "stowage-telemetry"))).toEqual({
      contractVersion: 1,
      serviceBus,
      cassandra: {
        contactPoints: [expect.stringMatching(/-westeurope-service\.cassandra\.svc$/)],
        port: 9042,
        localDatacenter: "westeurope",
        tls: {
          caFile: "/var/run/stowage/cassandra/ca.crt",
          serverName: expect.stringMatching(/-westeurope-service\.cassandra\.svc$/),
        },
        credentials: { directory: "/var/run/stowage/cassandra" },
      },
    });
  });

  it("takes endpoints in place of what follows from the stores", async () => {
    const args: IntegrationArgs = {
      ...argsOf("local"),
      endpoints: {
        linstor: { controllers: ["http://127.0.0.1:3370"] },
        cassandra: { contactPoints: ["127.7.0.1", "127.7.0.2"], port: 9043 },
      },
    };
    const { one, value, known } = await build(args, false);
    expect(connectionOf(one(CONFIG, "stowage-volumes"))).toMatchObject({
      linstor: { controllers: ["http://127.0.0.1:3370"] },
    });
    expect(connectionOf(one(CONFIG, "stowage-telemetry"))).toMatchObject({
      cassandra: { contactPoints: ["127.7.0.1", "127.7.0.2"], port: 9043, localDatacenter: "dc1" },
    });
    expect(await known(value.cassandraContactPoints)).toEqual(["127.7.0.1", "127.7.0.2"]);
  });

  it("gives the LINSTOR sink the placement that its resource group is planned with", async () => {
    const { value, known } = await buildOf("prod", true);
    const pipelines = (await known(value.pipelines)) ?? {};
    expect(pipelines["volumes"]?.sink.linstor).toEqual({
      resourceGroup: "volumes",
      maxSizeKib: 4294967296,
      readyTimeoutSeconds: 300,
      pollMilliseconds: 250,
      placeCount: 3,
      storagePool: "ssd",
      replicasOnDifferent: ["Aux/topology/topology.kubernetes.io/zone"],
    });
    expect(pipelines["telemetry"]?.sink.cassandra?.replication).toEqual({ westeurope: 3 });
  });

  it("installs the operators that are needed and asked for, each of one version, before what they serve", async () => {
    const { all, one } = await buildOf("dev", true);
    const releases = all(RELEASE).map(({ name, inputs }) => ({
      name,
      chart: inputs["chart"],
      version: inputs["version"],
    }));
    expect(releases.sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
      { name: "stowage-certManager", chart: "cert-manager", version: "v1.19.1" },
      { name: "stowage-k8ssandra", chart: "k8ssandra-operator", version: "1.29.0" },
      { name: "stowage-keda", chart: "keda", version: "2.18.1" },
      {
        name: "stowage-piraeus",
        chart: "oci://ghcr.io/piraeusdatastore/piraeus-operator/piraeus",
        version: "2.10.4",
      },
    ]);
    expect(one(RELEASE, "stowage-k8ssandra").inputs).toMatchObject({ namespace: "cassandra", createNamespace: true });
    expect(one(RELEASE, "stowage-k8ssandra").dependsOn).toEqual([`${RELEASE} stowage-certManager`]);
    expect(one("stowage:index:LinstorCluster", "stowage-linstor").dependsOn).toContain(`${RELEASE} stowage-piraeus`);
    expect(one("stowage:index:CassandraRing", "stowage-cassandra").dependsOn).toContain(`${RELEASE} stowage-k8ssandra`);
    expect(one("stowage:index:Worker", "stowage-renders").dependsOn).toContain(`${RELEASE} stowage-keda`);
    expect((await buildOf("prod", true)).all(RELEASE)).toEqual([]);
  });

  it("installs no operator that nothing needs", async () => {
    const { renders } = argsOf("dev").pipelines;
    if (renders === undefined) throw new Error("dev has no pipeline renders");
    const { scaling: _, ...unscaled } = renders;
    const { gluster } = argsOf("dev").storage ?? {};
    if (gluster === undefined) throw new Error("dev has no Gluster");
    const { all } = await build({ ...argsOf("dev"), pipelines: { renders: unscaled }, storage: { gluster } }, true);
    expect(all(RELEASE)).toEqual([]);
  });

  it("adopts resource group and namespace where it is told that they exist", async () => {
    const args = argsOf("prod");
    const adopted = await build(
      {
        ...args,
        resourceGroup: { ...args.resourceGroup, create: false },
        namespace: { ...args.namespace, create: false },
      },
      true,
    );
    expect(adopted.all("azure-native:resources:ResourceGroup")).toEqual([]);
    expect(adopted.all(NAMESPACE).map((n) => n.name)).not.toContain("stowage");
    expect(adopted.one(QUEUE, "stowage-bus-renders").inputs["resourceGroupName"]).toBe("stowage-prod");
    expect(adopted.one(DEPLOYMENT, "stowage-renders").inputs).toMatchObject({ metadata: { namespace: "stowage" } });
    const made = await buildOf("prod", true);
    expect(made.one(NAMESPACE, "stowage").inputs).toMatchObject({
      metadata: { labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
    });
  });

  it("deploys to the named context, whatever cluster the program's own provider leads to", async () => {
    const { one, all } = await buildOf("prod", false);
    expect(one("pulumi:providers:kubernetes", "stowage-kubernetes").inputs).toEqual({ context: "aks-prod" });
    const objects = (await buildOf("prod", false)).resources.filter((r) => r.type.startsWith("kubernetes:"));
    for (const object of objects) expect(object.provider, object.urn).toMatch(/::stowage-kubernetes::/);
    for (const resource of all(QUEUE)) expect(resource.provider).not.toMatch(/stowage-kubernetes/);
  });

  it("refuses bad args before anything is registered", async () => {
    const args = argsOf("prod");
    const { resources, value } = await run(
      () => {
        try {
          new Integration("stowage", { ...args, image: "worker:latest" });
          return "accepted";
        } catch (error) {
          return error instanceof Error ? error.message : String(error);
        }
      },
      { preview: true },
    );
    expect(value).toMatch(
      /^Invalid arguments for Integration "stowage": 1 problem\n {2}- image: must be an image by digest/,
    );
    expect(resources).toEqual([]);
  });
});
