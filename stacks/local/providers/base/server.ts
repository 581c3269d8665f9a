import { createHash } from "node:crypto";
import * as grpc from "@grpc/grpc-js";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb.js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import * as messages from "@pulumi/pulumi/proto/provider_pb.js";
import { Empty } from "google-protobuf/google/protobuf/empty_pb.js";
import type { Problem } from "../../../../runtime/contract/index.js";
import { diffProperties, type PropertyChange, parsePath } from "./diff.js";
import { type InvokeModel, type OperationContext, PartialFailureError, type ResourceModel } from "./model.js";
import { partialFailure, serve } from "./rpc.js";
import { ProviderState, type StoredResource } from "./state.js";
import { fromWire, type PropertyMap, toWire } from "./values.js";

export interface ProviderStandInOptions {
  /** Name of the package that it stands in for: `azure-native`. */
  name: string;
  /** Version that it says it is: that of the SDK it stands behind. */
  version: string;
  /** Types that it knows, for the words with which it refuses another. */
  types: readonly string[];
  model(type: string): ResourceModel | undefined;
  invokes: Readonly<Record<string, InvokeModel>>;
  /** Where it keeps its state; read at once if it is there. */
  stateFile: string;
  /** Called with the provider's settings at the begin of each run: `azure-native:location` as `location`. */
  configure?(config: PropertyMap): void;
}

/** A resource request of any kind: all of them carry these. */
interface ResourceRequest {
  getUrn(): string;
  getType(): string;
  getName(): string;
}

type Properties = ReturnType<messages.CreateRequest["getProperties"]>;

// The engine's own limit for a message (rpcutil.maxRPCMessageSize); grpc-js would stop at 4 MiB.
const MESSAGE_BYTES = 400 * 1024 * 1024;

/**
 * A Pulumi provider for the real engine: gRPC on the SDK's own protos, served from this process, so that what it
 * runs outlives one run of the engine. A type or function that it does not know is refused by name. Previews call
 * `check` and `preview` of a model only.
 */
export class ProviderStandIn {
  readonly state: ProviderState;
  #server: grpc.Server | undefined;
  #run = new AbortController();

  constructor(private readonly options: ProviderStandInOptions) {
    this.state = new ProviderState(options.stateFile);
  }

  /** Aborted when the engine cancels the run that is under way; the next run has a signal of its own. */
  get signal(): AbortSignal {
    return this.#run.signal;
  }

  /** Listens on a free port of 127.0.0.1. */
  async listen(): Promise<{ port: number }> {
    const server = new grpc.Server({
      "grpc.max_receive_message_length": MESSAGE_BYTES,
      "grpc.max_send_message_length": MESSAGE_BYTES,
    });
    server.addService(ResourceProviderService, this.#handlers());
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    this.#server = server;
    return { port };
  }

  /** Cancels what is under way and stops listening. */
  async close(): Promise<void> {
    this.#run.abort(new Error(`the stand-in for ${this.options.name} was closed`));
    this.#server?.forceShutdown();
    this.#server = undefined;
  }

  #handlers(): grpc.UntypedServiceImplementation {
    return {
      handshake: serve(async () => new messages.ProviderHandshakeResponse()),
      attach: serve(async () => new Empty()),
      getPluginInfo: serve(async () => new PluginInfo().setVersion(this.options.version)),
      checkConfig: serve(async (request: messages.CheckRequest) =>
        new messages.CheckResponse().setInputs(request.getNews()),
      ),
      diffConfig: serve(async () =>
        new messages.DiffResponse().setChanges(messages.DiffResponse.DiffChanges.DIFF_NONE),
      ),
      configure: serve(async (request: messages.ConfigureRequest) => {
        this.options.configure?.(fromWire(request.getArgs()));
        return new messages.ConfigureResponse().setSupportspreview(true);
      }),
      cancel: serve(async () => {
        this.#run.abort(new Error("the run was cancelled"));
        this.#run = new AbortController();
        return new Empty();
      }),
      check: serve((request: messages.CheckRequest) => this.#check(request)),
      diff: serve((request: messages.DiffRequest) => this.#diff(request)),
      create: serve((request: messages.CreateRequest) => this.#create(request)),
      read: serve((request: messages.ReadRequest) => this.#read(request)),
      update: serve((request: messages.UpdateRequest) => this.#update(request)),
      delete: serve((request: messages.DeleteRequest) => this.#delete(request)),
      invoke: serve((request: messages.InvokeRequest) => this.#invoke(request)),
    };
  }

  async #check(request: messages.CheckRequest): Promise<messages.CheckResponse> {
    const model = this.#model(request.getType());
    const news = fromWire(request.getNews(), request.getType());
    const seed = Buffer.from(request.getRandomseed_asU8());
    const checked = (await model.check?.(news, {
      ...this.#context(request, 0),
      olds: request.hasOlds() ? fromWire(request.getOlds()) : undefined,
      randomHex: (length) => createHash("sha256").update(seed).update(request.getUrn()).digest("hex").slice(0, length),
    })) ?? { inputs: news };
    return new messages.CheckResponse()
      .setInputs(toWire(checked.inputs))
      .setFailuresList((checked.failures ?? []).map(toFailure));
  }

  async #diff(request: messages.DiffRequest): Promise<messages.DiffResponse> {
    const model = this.#model(request.getType());
    const olds = fromWire(request.getOldInputs());
    const news = fromWire(request.getNews());
    const changes = diffProperties(olds, news, model.replaceOn, model.same);
    const replaces = changes.filter((change) => change.replaces);
    const response = new messages.DiffResponse()
      .setChanges(messages.DiffResponse.DiffChanges[changes.length > 0 ? "DIFF_SOME" : "DIFF_NONE"])
      .setDiffsList(topLevel(changes))
      .setReplacesList(topLevel(replaces))
      .setDeletebeforereplace(replaces.length > 0 && (model.deleteBeforeReplace?.(olds, news) ?? false))
      .setHasdetaileddiff(true);
    for (const change of changes) response.getDetaileddiffMap().set(change.path, toPropertyDiff(change));
    return response;
  }

  async #create(request: messages.CreateRequest): Promise<messages.CreateResponse> {
    const [type, model] = [request.getType(), this.#model(request.getType())];
    const inputs = fromWire(request.getProperties(), type);
    const context = this.#context(request, request.getTimeout());
    if (request.getPreview()) {
      return new messages.CreateResponse().setProperties(toWire(model.preview?.(inputs, context) ?? inputs));
    }
    const { id, outputs } = await this.#kept(type, inputs, () => model.create(inputs, context));
    this.state.put({ type, id, inputs, outputs });
    return new messages.CreateResponse().setId(id).setProperties(toWire(outputs));
  }

  async #read(request: messages.ReadRequest): Promise<messages.ReadResponse> {
    const [type, id] = [request.getType(), request.getId()];
    const model = this.#model(type);
    const found = model.read ? await model.read(id, this.#context(request, 0)) : this.state.get(type, id);
    if (found === undefined) return new messages.ReadResponse();
    return new messages.ReadResponse()
      .setId(found.id)
      .setInputs(toWire(found.inputs))
      .setProperties(toWire(found.outputs));
  }

  async #update(request: messages.UpdateRequest): Promise<messages.UpdateResponse> {
    const [type, id] = [request.getType(), request.getId()];
    const model = this.#model(type);
    const news = fromWire(request.getNews(), type);
    const current = this.#current(type, id, request.getOldInputs(), request.getOlds());
    const context = this.#context(request, request.getTimeout());
    if (request.getPreview()) {
      const outputs = model.preview?.(news, context, current) ?? { ...current.outputs, ...news };
      return new messages.UpdateResponse().setProperties(toWire(outputs));
    }
    const { update } = model;
    if (update === undefined) throw new Error(`the stand-in for ${this.options.name} cannot change a ${type} in place`);
    const outputs = await this.#kept(type, news, () => update.call(model, id, current, news, context));
    this.state.put({ type, id, inputs: news, outputs });
    return new messages.UpdateResponse().setProperties(toWire(outputs));
  }

  async #delete(request: messages.DeleteRequest): Promise<Empty> {
    const [type, id] = [request.getType(), request.getId()];
    const current = this.#current(type, id, request.getOldInputs(), request.getProperties());
    await this.#model(type).delete?.(id, current, this.#context(request, request.getTimeout()));
    this.state.delete(type, id);
    return new Empty();
  }

  async #invoke(request: messages.InvokeRequest): Promise<messages.InvokeResponse> {
    const token = request.getTok();
    const invoke = this.options.invokes[token];
    if (invoke === undefined) throw this.#unknown("function", token, Object.keys(this.options.invokes));
    const result = await invoke(fromWire(request.getArgs(), token), { state: this.state, signal: this.#run.signal });
    return new messages.InvokeResponse().setReturn(toWire(result));
  }

  #model(type: string): ResourceModel {
    const model = this.options.model(type);
    if (model === undefined) throw this.#unknown("type", type, this.options.types);
    return model;
  }

  #unknown(what: string, token: string, known: readonly string[]): Error {
    const list = known.length > 0 ? known.join(", ") : "none";
    return new Error(`the stand-in for ${this.options.name} does not know the ${what} ${token}; it knows: ${list}`);
  }

  #context(request: ResourceRequest, timeoutSeconds: number): OperationContext {
    return {
      state: this.state,
      signal: this.#run.signal,
      urn: request.getUrn(),
      type: request.getType(),
      name: request.getName(),
      timeoutSeconds,
    };
  }

  /** What the far end has; what the engine remembers of it where it is gone. */
  #current(type: string, id: string, inputs: Properties, outputs: Properties): StoredResource {
    return this.state.get(type, id) ?? { type, id, inputs: fromWire(inputs), outputs: fromWire(outputs) };
  }

  /** Runs an operation; what it made although it failed is kept, as the engine keeps it. */
  async #kept<T>(type: string, inputs: PropertyMap, operation: () => Promise<T>): Promise<T> {
    try {
      return await operation();
    } catch (error) {
      if (!(error instanceof PartialFailureError)) throw error;
      this.state.put({ type, id: error.id, inputs, outputs: error.outputs });
      throw partialFailure(error);
    }
  }
}

function toFailure(failure: Problem): messages.CheckFailure {
  const found = failure.value === undefined ? "" : ` (found ${failure.value})`;
  return new messages.CheckFailure().setProperty(failure.path).setReason(`${failure.reason}${found}. ${failure.fix}`);
}

function toPropertyDiff(change: PropertyChange): messages.PropertyDiff {
  const kinds = messages.PropertyDiff.Kind;
  const [kind, replaceKind] = {
    add: [kinds.ADD, kinds.ADD_REPLACE] as const,
    delete: [kinds.DELETE, kinds.DELETE_REPLACE] as const,
    update: [kinds.UPDATE, kinds.UPDATE_REPLACE] as const,
  }[change.kind];
  return new messages.PropertyDiff().setKind(change.replaces ? replaceKind : kind).setInputdiff(true);
}

function topLevel(changes: PropertyChange[]): string[] {
  return [...new Set(changes.map((change) => String(parsePath(change.path)[0])))];
}
