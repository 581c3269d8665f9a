import { join } from "node:path";
import type { Pipeline } from "../../runtime/contract/index.js";
import { Broker } from "./broker/index.js";
import { type CloudOptions, LocalCloud } from "./cloud.js";
import type { Application } from "./entra/index.js";
import { LocalNamespaces } from "./namespaces.js";
import { type LocalProducer, producersOf } from "./producers.js";
import { createAzureNativeStandIn } from "./providers/azure-native/index.js";
import type { ProviderStandIn } from "./providers/base/index.js";
import type { KubernetesOptions } from "./providers/kubernetes/index.js";
import { produce } from "./traffic/produce.js";
import type { SendPlan } from "./traffic/send.js";

type Variables = { readonly [variable: string]: string };

/** The bus of a local environment, and how its workers and producers reach it. */
export interface Bus {
  /** Resource Manager, for the engine. */
  readonly azure: ProviderStandIn;
  readonly namespaces: LocalNamespaces;
  /** What stands in for services of Azure here, in words. */
  readonly standIns: string;
  /** Variables by which pods trust its certificates. */
  readonly trust: Variables;
  /** What gives pods their identities. */
  readonly podIdentity: Pick<KubernetesOptions, "issuer" | "webhook">;
  /** What a person needs to reach it. */
  notices(): string[];
  /** What to look at when somebody was refused; empty where nobody was. */
  refusals(): string;
  /** Sends samples from processes of their own, with `env` besides what they log in with. */
  send(
    pipelines: Pipeline[],
    plan: SendPlan,
    signal: AbortSignal,
    sent: (pipeline: string, total: number) => void,
    env: Variables,
  ): Promise<void>;
  close(): Promise<void>;
}

/** A bus with identities: tokens through workload identity, TLS, and the rights that the stack registered. */
export class IdentityBus implements Bus {
  readonly standIns = "Entra ID, Service Bus";

  private constructor(
    private readonly cloud: LocalCloud,
    private readonly producers: LocalProducer[],
    private readonly applications: ReadonlyMap<string, Application>,
    /** How long rights of a producer may be on their way when it begins, in seconds. */
    private readonly patienceSeconds: number,
  ) {}

  /** @param producers who may publish, besides what the stack itself makes: each may log in here */
  static async start(options: CloudOptions, producers: LocalProducer[]): Promise<IdentityBus> {
    const cloud = await LocalCloud.start(options);
    const applications = new Map(
      producers.map(({ name, principalId }) => [name, cloud.register(name, principalId)] as const),
    );
    return new IdentityBus(cloud, producers, applications, options.propagationSeconds ?? 0);
  }

  get azure(): ProviderStandIn {
    return this.cloud.azure;
  }

  get namespaces(): LocalNamespaces {
    return this.cloud.namespaces;
  }

  get trust(): Variables {
    return this.cloud.trust;
  }

  get podIdentity() {
    return { issuer: this.cloud.issuer, webhook: this.cloud.webhook };
  }

  notices(): string[] {
    const { entra, authorityFile, accessLog } = this.cloud;
    return [
      `Service Bus: ${this.namespaces.host} (AMQP over TLS), its administration: ${this.namespaces.adminHost}, ` +
        `Entra ID: ${entra.authorityHost}. They are trusted through ${authorityFile} alone.`,
      `Who was let in and who was refused, as long as this runs: ${accessLog.path}`,
    ];
  }

  refusals(): string {
    const { refused, path } = this.cloud.accessLog;
    return refused === 0 ? "" : `The bus or Entra ID refused ${refused} times; who, where and why: ${path}`;
  }

  async send(
    pipelines: Pipeline[],
    plan: SendPlan,
    signal: AbortSignal,
    sent: (pipeline: string, total: number) => void,
    env: Variables,
  ): Promise<void> {
    const chosen = producersOf(pipelines, this.producers);
    const { host } = this.namespaces;
    await Promise.all(
      [...chosen].map(async ([{ name }, theirs]) => {
        const application = this.applications.get(name);
        if (application === undefined) throw new Error(`the producer ${name} is not registered`);
        const order = { host, emulator: false, pipelines: theirs, plan, patienceSeconds: this.patienceSeconds };
        await produce(order, { ...env, ...(await this.cloud.loginOf(application)) }, signal, sent);
      }),
    );
  }

  close(): Promise<void> {
    return this.cloud.close();
  }
}

/** A bus that is spoken to as Microsoft's emulator is: plain TCP, a connection string, no identities and no rights. */
export class EmulatorBus implements Bus {
  readonly standIns = "Service Bus (as an emulator: no identities, no rights)";
  readonly trust = {};
  readonly podIdentity = {};

  private constructor(
    readonly azure: ProviderStandIn,
    readonly namespaces: LocalNamespaces,
  ) {}

  /** @param dir folder of the run */
  static async start(dir: string): Promise<EmulatorBus> {
    const namespaces = new LocalNamespaces(() => new Broker());
    const azure = await createAzureNativeStandIn({ stateFile: join(dir, "azure.json"), effects: namespaces });
    return new EmulatorBus(azure, namespaces);
  }

  notices(): string[] {
    const { broker, adminHost } = this.namespaces;
    return [`Connection string: ${broker.connectionString()}`, `Administration: http://${adminHost}`];
  }

  refusals(): string {
    return "";
  }

  async send(
    pipelines: Pipeline[],
    plan: SendPlan,
    signal: AbortSignal,
    sent: (pipeline: string, total: number) => void,
    env: Variables,
  ): Promise<void> {
    const { host } = this.namespaces;
    await produce({ host, emulator: true, pipelines, plan, patienceSeconds: 0 }, env, signal, sent);
  }

  async close(): Promise<void> {
    await this.azure.close();
    await this.namespaces.close();
  }
}
