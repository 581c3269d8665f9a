import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClientAssertionCredential, type TokenCredential, WorkloadIdentityCredential } from "@azure/identity";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { stringify } from "yaml";
import { LocalCloud } from "../../stacks/local/cloud.js";
import { findEngine, prepareRun, StackRun } from "../../stacks/local/engine/index.js";
import { uuidOf } from "../../stacks/local/providers/azure-native/index.js";
import { writePluginShim } from "../../stacks/local/providers/base/index.js";
import { createKubernetesStandIn, type KubernetesStandIn } from "../../stacks/local/providers/kubernetes/index.js";
import { packageRoot } from "../../stacks/packageRoot.js";
import { trust } from "../support/trust.js";

export const ISSUER = "https://issuer.stowage.invalid/";
export const GITHUB = "https://token.actions.githubusercontent.com";
export const PUBLISHER = "5a4d1e00-0000-4000-8000-0000000000a1";
const CLUSTER = "/subscriptions/0/resourceGroups/rights/providers/Microsoft.ContainerService/managedClusters/local";
const IMAGE = `stowage.invalid/stowage-worker@sha256:${"0".repeat(64)}`;

const sink = {
  cassandra: {
    table: {
      keyspace: "telemetry",
      name: "readings",
      columns: {
        device: { type: "text", body: "device", required: true },
        time: { type: "timestamp", body: "time", required: true },
        id: { type: "text", message: "messageId", required: true },
      },
      partitionKey: ["device"],
      clusteringKey: [{ column: "time" }, { column: "id" }],
      from: { time: { body: "time" } },
    },
    replication: { dc1: 1 },
  },
};

/** What a producer is granted, in the form of the configuration. */
export interface Grant {
  queue?: string;
  topic?: string;
  subscription?: string;
  scope?: string;
  right: string;
}

/** The stack's configuration: every kind of identity, and every kind of entity. */
function configuration(publisher: Grant[]): object {
  return {
    "stowage:location": "westeurope",
    "stowage:resourceGroup": { name: "rights" },
    "stowage:cluster": { id: CLUSTER, oidcIssuerUrl: ISSUER },
    "stowage:namespace": { name: "rights" },
    "stowage:image": IMAGE,
    "stowage:instanceDiscovery": false,
    "stowage:serviceBus": {
      namespace: { name: "stowage-rights", tier: "Standard" },
      queues: { readings: {}, commands: { requiresSession: true }, answers: {}, nobody: {} },
      topics: { events: { subscriptions: { audit: {}, billing: {} } } },
    },
    "stowage:pipelines": {
      readings: {
        source: { queue: "readings" },
        sink,
        replyQueues: ["answers"],
        scaling: { minReplicas: 1, maxReplicas: 2, messagesPerReplica: 10 },
      },
      commands: { source: { queue: "commands" }, sink, replicas: 1 },
      audit: { source: { topic: "events", subscription: "audit" }, sink, replicas: 1 },
    },
    "stowage:producers": {
      publisher: { principalId: PUBLISHER, principalType: "ServicePrincipal", grants: publisher },
    },
    "stowage:deployers": {
      release: {
        githubActions: { release: { organization: "contoso", repository: "bus", environment: "prod" } },
        grants: [{ scope: "namespace", right: "send" }],
      },
    },
    "stowage:endpoints": { cassandra: { contactPoints: ["127.0.1.1"], localDatacenter: "dc1" } },
  };
}

/** Who logs in: what the stack registered, with a token of the issuer that its federated credential names. */
export interface Login {
  name: string;
  clientId: string;
  tenantId: string;
  subject: string;
  issuer: string;
}

/** A stack with its bus, brought up by the real engine against the stand-ins; no worker runs. */
export class RightsWorld {
  private constructor(
    private readonly dir: string,
    readonly cloud: LocalCloud,
    readonly kubernetes: KubernetesStandIn,
    private readonly stack: () => StackRun,
    private readonly github: Awaited<ReturnType<typeof generateKeyPair>>,
  ) {}

  static async start(publisher: Grant[]): Promise<RightsWorld> {
    const dir = mkdtempSync(join(tmpdir(), "stowage-rights-"));
    const [projectDir, runDir] = [join(dir, "project"), join(dir, "run")];
    for (const folder of [projectDir, runDir]) mkdirSync(folder);
    const main = join(packageRoot(), "dist", "stacks", "index.js");
    const runtime = { name: "nodejs", options: { typescript: false } };
    writeFileSync(join(projectDir, "Pulumi.yaml"), stringify({ name: "stowage", runtime, main }));
    const github = await generateKeyPair("RS256");
    const keySet = { keys: [{ ...(await exportJWK(github.publicKey)), alg: "RS256" }] };
    const keysOf = (issuer: string) => (issuer === GITHUB ? keySet : undefined);
    const cloud = await LocalCloud.start({ dir: runDir, issuerUrl: ISSUER, keysOf });
    trust(cloud.entra.authority.cert);
    cloud.register("publisher", PUBLISHER);
    cloud.register("stranger", uuidOf("stranger"));
    const kubernetes = createKubernetesStandIn({
      stateFile: join(runDir, "kubernetes.json"),
      namespaces: ["keda"],
    });
    const plugins = join(runDir, "plugins");
    const found = {
      "azure-native": writePluginShim(plugins, "azure-native", (await cloud.azure.listen()).port),
      kubernetes: writePluginShim(plugins, "kubernetes", (await kubernetes.listen()).port),
    };
    const engine = await findEngine();
    const stack = () => new StackRun(engine, prepareRun({ runDir, projectDir, stack: "rights", plugins: found }));
    const world = new RightsWorld(dir, cloud, kubernetes, stack, github);
    await world.up(publisher);
    return world;
  }

  /** Brings the stack up with what the publisher is granted. */
  async up(publisher: Grant[]): Promise<void> {
    const config = configuration(publisher);
    writeFileSync(join(this.dir, "project", "Pulumi.rights.yaml"), stringify({ config }));
    await this.stack().up();
  }

  outputs(): Promise<Record<string, unknown>> {
    return this.stack().outputs();
  }

  /** Every identity that the stack registered, and the application that exists beside it. */
  logins(): Map<string, Login> {
    const { state } = this.cloud.azure;
    const identities = state.list("azure-native:managedidentity:UserAssignedIdentity");
    const credentials = state.list("azure-native:managedidentity:FederatedIdentityCredential");
    const registered = identities.map(({ id, outputs }): Login => {
      const own = credentials.find((credential) => credential.id.startsWith(`${id}/`))?.outputs;
      return {
        name: String(outputs["name"]),
        clientId: String(outputs["clientId"]),
        tenantId: String(outputs["tenantId"]),
        subject: String(own?.["subject"]),
        issuer: String(own?.["issuer"]),
      };
    });
    const tenantId = registered[0]?.tenantId ?? "";
    const outside = (name: string, as: string, principalId: string): Login => ({
      ...{ name: as, tenantId, issuer: ISSUER, subject: `system:serviceaccount:stowage-outside:${name}` },
      clientId: uuidOf(`${principalId}#client`),
    });
    const all = [
      ...registered,
      outside("publisher", "stowage-publisher_producer", PUBLISHER),
      outside("stranger", "stranger", uuidOf("stranger")),
    ];
    return new Map(all.map((login) => [login.name, login]));
  }

  /** A token of the issuer that a login names, with what differs. */
  async assertion(login: Login, change: { subject?: string; audience?: string } = {}): Promise<string> {
    const { subject, audience } = { subject: login.subject, audience: "api://AzureADTokenExchange", ...change };
    if (login.issuer === GITHUB)
      return new SignJWT()
        .setProtectedHeader({ alg: "RS256" })
        .setIssuer(GITHUB)
        .setSubject(subject)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime("5m")
        .sign(this.github.privateKey);
    const [, , namespace = "", serviceAccount = ""] = subject.split(":");
    return (await this.cloud.issuer.issue({ namespace, serviceAccount, audience, expirationSeconds: 3_600 })).token;
  }

  /** The credential of the Azure SDK that exchanges such a token. */
  credential(login: Login, assertion: () => Promise<string> = () => this.assertion(login)): TokenCredential {
    return new ClientAssertionCredential(login.tenantId, login.clientId, assertion, {
      authorityHost: this.cloud.entra.authorityHost,
      disableInstanceDiscovery: true,
    });
  }

  async close(): Promise<void> {
    await this.kubernetes.close();
    await this.cloud.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** The credential of a process that has these variables, as the webhook sets them. */
export function credentialOf(login: { [variable: string]: string }): WorkloadIdentityCredential {
  return new WorkloadIdentityCredential({
    tenantId: login["AZURE_TENANT_ID"] ?? "",
    clientId: login["AZURE_CLIENT_ID"] ?? "",
    tokenFilePath: login["AZURE_FEDERATED_TOKEN_FILE"] ?? "",
    authorityHost: login["AZURE_AUTHORITY_HOST"] ?? "",
    disableInstanceDiscovery: true,
  });
}
