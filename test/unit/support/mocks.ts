import * as pulumi from "@pulumi/pulumi";
import type { RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb.js";
import { MockMonitor, type MockResourceArgs, type MockResourceResult } from "@pulumi/pulumi/runtime/mocks.js";
import { unknownValue } from "@pulumi/pulumi/runtime/rpc.js";
import { setMockOptions } from "@pulumi/pulumi/runtime/settings.js";

/** Stands where a value is known only after deployment. */
export const UNKNOWN = "<unknown>";
/** A subscription that does not exist. */
export const SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001";

/** The engine's function that gives what the last deployment left. */
const STATE = "pulumi:pulumi:readStackResourceOutputs";

type Inputs = { [name: string]: unknown };

/** A resource as the engine would be asked to register it. */
export interface Registered {
  type: string;
  name: string;
  urn: string;
  /** `type name` of the parent; the stack's is left out. */
  parent: string | undefined;
  inputs: Inputs;
  /** `type name` of what it depends on, by `dependsOn` or through its inputs; sorted. */
  dependsOn: string[];
  deleteBeforeReplace: boolean;
  retainOnDelete: boolean;
  protect: boolean;
  replaceOnChanges: string[];
  ignoreChanges: string[];
  /** URN and id of its provider; empty for the default one. */
  provider: string;
}

/** What a program registered. */
export interface Run<T> {
  value: T;
  resources: Registered[];
  /** The one resource of a type and name; fails where there is none. */
  one(type: string, name: string): Registered;
  /** Every resource of a type. */
  all(type: string): Registered[];
  /** The calls of provider functions. */
  calls: { token: string; inputs: Inputs }[];
  /** What an output has become; `undefined` where it is not known. */
  known<V>(output: pulumi.Output<V>): Promise<V | undefined>;
}

export interface RunOptions {
  preview: boolean;
  /** Answers of provider functions, by token. Any other call fails. */
  calls?: { [token: string]: Inputs };
}

/** What Azure and Kubernetes answer beyond the inputs, once a resource is made. */
const made: { [type: string]: (inputs: Inputs, name: string) => Inputs } = {
  "azure-native:servicebus:Namespace": (inputs, name) => ({
    name: inputs["namespaceName"] ?? `${name}1a2b3c4d`,
    serviceBusEndpoint: `https://${inputs["namespaceName"] ?? `${name}1a2b3c4d`}.servicebus.windows.net:443/`,
  }),
  "azure-native:managedidentity:UserAssignedIdentity": (inputs) => ({
    name: inputs["resourceName"],
    clientId: "11111111-1111-4111-8111-111111111111",
    principalId: "22222222-2222-4222-8222-222222222222",
    tenantId: "33333333-3333-4333-8333-333333333333",
  }),
  "azure-native:resources:ResourceGroup": (inputs) => ({ name: inputs["resourceGroupName"] }),
  "azure-native:network:PrivateEndpoint": (inputs, name) => ({
    name: inputs["privateEndpointName"] ?? `${name}1a2b3c4d`,
  }),
  "azure-native:network:NetworkInterface": () => ({
    ipConfigurations: [{ name: "storage", privateIPAddress: "10.20.1.10" }],
  }),
  "azure-native:compute:VirtualMachine": (inputs, name) => ({
    name: inputs["vmName"],
    identity: { type: "SystemAssigned", principalId: `principal-of-${name}` },
  }),
};

/** The input that names a resource of Azure. */
const nameInputs: { [type: string]: string } = {
  "azure-native:privatedns:PrivateZone": "privateZoneName",
  "azure-native:servicebus:DisasterRecoveryConfig": "alias",
  "azure-native:servicebus:Queue": "queueName",
  "azure-native:servicebus:Topic": "topicName",
  "azure-native:servicebus:Subscription": "subscriptionName",
  "azure-native:servicebus:Rule": "ruleName",
};

/** Where Azure puts what lies inside a namespace, below its resource group. */
const paths: { [type: string]: (inputs: Inputs) => string } = {
  "azure-native:servicebus:Namespace": (i) => `Microsoft.ServiceBus/namespaces/${i["namespaceName"]}`,
  "azure-native:servicebus:Queue": (i) =>
    `Microsoft.ServiceBus/namespaces/${i["namespaceName"]}/queues/${i["queueName"]}`,
  "azure-native:servicebus:Topic": (i) =>
    `Microsoft.ServiceBus/namespaces/${i["namespaceName"]}/topics/${i["topicName"]}`,
  "azure-native:servicebus:Subscription": (i) =>
    `Microsoft.ServiceBus/namespaces/${i["namespaceName"]}/topics/${i["topicName"]}/subscriptions/${i["subscriptionName"]}`,
};

/** An id in the form of Azure's, or of Kubernetes'. */
function idOf(args: MockResourceArgs): string {
  if (!args.type.startsWith("azure-native:")) return `${args.inputs["metadata"]?.namespace ?? "-"}/${args.name}`;
  const [, module = "", kind = ""] = args.type.split(":");
  if (kind === "ResourceGroup") return `${SUBSCRIPTION}/resourceGroups/${args.inputs["resourceGroupName"]}`;
  const path = paths[args.type]?.(args.inputs) ?? `Microsoft.${module}/${kind}/${args.name}`;
  return `${SUBSCRIPTION}/resourceGroups/${args.inputs["resourceGroupName"] ?? "rg"}/providers/${path}`;
}

function newResource(args: MockResourceArgs, preview: boolean): MockResourceResult {
  if (!args.custom && !args.type.startsWith("pulumi:")) return { id: "", state: {} };
  if (!/^(azure-native|kubernetes|pulumi):/.test(args.type)) throw new Error(`No mock for resource ${args.type}`);
  const named = nameInputs[args.type];
  const state = { ...args.inputs, ...(named === undefined ? {} : { name: args.inputs[named] }) };
  if (preview) return { id: "", state };
  return { id: idOf(args), state: { ...state, ...made[args.type]?.(args.inputs, args.name) } };
}

/** Unknown values as `<unknown>`, and secrets as what they hold. */
function readable(value: unknown): unknown {
  if (value === unknownValue) return UNKNOWN;
  if (Array.isArray(value)) return value.map(readable);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value);
  const held = entries.find(([key]) => key === "value");
  if (entries.some(([key]) => key === pulumi.runtime.specialSigKey) && held !== undefined) return readable(held[1]);
  return Object.fromEntries(entries.map(([key, entry]) => [key, readable(entry)]));
}

/** `type name` of a URN. */
function short(urn: string): string {
  const [, , types = "", name = ""] = urn.split("::");
  return `${types.split("$").at(-1)} ${name}`;
}

/** Records every request as it was made, with its options, and not only what mocks are shown of it. */
class Recorder extends MockMonitor {
  readonly requests: { urn: string; request: RegisterResourceRequest }[] = [];

  override async registerResource(
    request: RegisterResourceRequest,
    callback: Parameters<MockMonitor["registerResource"]>[1],
  ): Promise<void> {
    const urn = this.newUrnOf(request);
    this.requests.push({ urn, request });
    await super.registerResource(request, callback);
  }

  private newUrnOf(request: RegisterResourceRequest): string {
    const parent = request.getParent();
    const parents = parent === "" ? "" : (parent.split("::")[2] ?? "");
    const types = parents === "" || parents === "pulumi:pulumi:Stack" ? "" : `${parents}$`;
    return `urn:pulumi:test::stowage::${types}${request.getType()}::${request.getName()}`;
  }
}

/** What a provider's refusal of a call looks like to the SDK, which reads its `details`. */
function refused(details: string): Error {
  return Object.assign(new Error(details), { details });
}

/** Runs a program as the engine would, in a preview or for real, and says what it registered. */
export async function run<T>(program: () => T, options: RunOptions): Promise<Run<T>> {
  const calls: { token: string; inputs: Inputs }[] = [];
  const mocks: pulumi.runtime.Mocks = {
    newResource: (args) => newResource(args, options.preview),
    call: ({ token, inputs }) => {
      const deployed = options.calls?.[STATE];
      // The engine's own, of no provider: there was no deployment before, unless a test says so.
      if (token === STATE) return deployed ?? { outputs: {} };
      calls.push({ token, inputs });
      const answer = options.calls?.[token];
      if (answer === undefined) throw refused(`No mock for function ${token}`);
      return answer;
    },
  };
  await pulumi.runtime.setMocks(mocks, "stowage", "test", options.preview, "acme");
  const recorder = new Recorder(mocks);
  setMockOptions(recorder, "stowage", "test", options.preview, "acme");
  const value = program();
  // A program that is loaded goes on after this turn; whether it fails is for the caller to see.
  if (value instanceof Promise) await value.catch(() => undefined);
  await pulumi.runtime.disconnect();
  const resources = recorder.requests.map(({ urn, request }) => registered(urn, request));
  return {
    value,
    resources,
    calls,
    one: (type, name) => {
      const found = resources.find((r) => r.type === type && r.name === name);
      if (found !== undefined) return found;
      const names = resources.filter((r) => r.type === type).map((r) => r.name);
      throw new Error(`No ${type} "${name}" was registered; of this type there are ${names.join(", ") || "none"}`);
    },
    all: (type) => resources.filter((r) => r.type === type),
    known: (output) => new Promise((resolve) => settle(output, resolve)),
  };
}

function settle<V>(output: pulumi.Output<V>, resolve: (value: V | undefined) => void): void {
  const inner = output as unknown as { promise(): Promise<V>; isKnown: Promise<boolean> };
  void inner.isKnown.then(async (known) => resolve(known ? await inner.promise() : undefined));
}

function registered(urn: string, request: RegisterResourceRequest): Registered {
  const parent = request.getParent();
  return {
    type: request.getType(),
    name: request.getName(),
    urn,
    parent: parent === "" || parent.includes("pulumi:pulumi:Stack::") ? undefined : short(parent),
    inputs: readable(request.getObject()?.toJavaScript() ?? {}) as Inputs,
    dependsOn: request.getDependenciesList().map(short).sort(),
    deleteBeforeReplace: request.getDeletebeforereplace(),
    retainOnDelete: request.getRetainondelete() === true,
    protect: request.getProtect() === true,
    replaceOnChanges: request.getReplaceonchangesList(),
    ignoreChanges: request.getIgnorechangesList(),
    provider: request.getProvider(),
  };
}

/**
 * The message with which a program fails once its outputs are known: a rejected promise that nobody handles,
 * as Pulumi itself sees it. Waits for one; the test's time limit ends the wait.
 */
export async function failureOf(program: () => unknown, calls: RunOptions["calls"] = {}): Promise<string> {
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  try {
    const failure = new Promise<unknown>((resolve) => process.on("unhandledRejection", resolve));
    await run(program, { preview: false, calls });
    const error = await failure;
    // Several promises carry the same failure; the rest of them come within this turn.
    await new Promise((resolve) => setImmediate(resolve));
    return error instanceof Error ? error.message : String(error);
  } finally {
    process.removeAllListeners("unhandledRejection");
    for (const listener of others) process.on("unhandledRejection", listener);
  }
}
