import { because, integer, text } from "../../runtime/contract/zod.js";
import { range } from "../support/cidr.js";
import { given } from "../support/given.js";
import { flag, type Shape, strict, words, z } from "../support/schema.js";
import type {
  ScalingArgs,
  SecretKeyArgs,
  WorkerArgs,
  WorkerAutoscalingArgs,
  WorkerConnectionArgs,
  WorkerModulesArgs,
  WorkerNetworkArgs,
  WorkerResourcesArgs,
  WorkerTelemetryArgs,
} from "./args.js";

/** An image that cannot change: its digest is part of its name. */
export const imageSchema = text(
  /^[^\s@]+@sha256:[0-9a-f]{64}$/,
  "an image by digest, name@sha256:<64 hexadecimal digits>",
  "Give the digest that the push printed; a tag could come to mean another image",
);

const quantity = (what: string, example: string) =>
  text(/^\d+(?:\.\d+)?(?:m|[kMGT]i?)?$/, `${what} as Kubernetes writes it`, `Give a quantity such as ${example}`);

/** What a container may use. */
export const resourcesSchema = strict({
  cpu: z.exactOptional(quantity("CPU", "250m")),
  cpuLimit: z.exactOptional(quantity("CPU", "2")),
  memory: z.exactOptional(quantity("memory", "512Mi")),
} satisfies Shape<WorkerResourcesArgs>) satisfies z.ZodType<WorkerResourcesArgs, WorkerResourcesArgs>;

/** Ranges of addresses. An empty list means every address to Kubernetes, so that it is refused: who means all says nothing. */
export const cidrsSchema = z
  .array(
    z
      .string(because("must be an IPv4 range", "Write it as 10.20.3.0/28"))
      .refine(
        (each) => range(each) !== undefined,
        because("must be an IPv4 range that begins at its own address", "Write it as 10.20.3.0/28; one address is /32"),
      ),
    because("must be a list of IPv4 ranges", 'Give ["10.20.3.0/28"]'),
  )
  .min(1, because("must have at least one range", "Leave it out where every address is meant"));

/** Ports of a store. To a policy an empty list means every port. */
export const portsSchema = z
  .array(integer(1, 65_535), because("must be a list of ports", "Give [5432]"))
  .min(1, because("must have at least one port", "Leave it out where there is none"));

/** Which addresses the pods reach. */
export const networkSchema = strict({
  serviceBusCidrs: z.exactOptional(cidrsSchema),
  entraCidrs: z.exactOptional(cidrsSchema),
  storeCidrs: z.exactOptional(cidrsSchema),
  storeNamespace: z.exactOptional(given(words("the namespace of the store"))),
  storePorts: z.exactOptional(portsSchema),
  dnsCidrs: z.exactOptional(cidrsSchema),
  issuerCidrs: z.exactOptional(cidrsSchema),
  kubernetesCidrs: z.exactOptional(cidrsSchema),
  otlpCidrs: z.exactOptional(cidrsSchema),
  otlpNamespace: z.exactOptional(given(words("the namespace of the receiver"))),
} satisfies Shape<WorkerNetworkArgs>) satisfies z.ZodType<WorkerNetworkArgs, WorkerNetworkArgs>;

/** A config map holds 1 MiB in all; its own fields need some of it. */
const MODULES_BYTES = 900 * 1024;

/** Modules of one's own, as far as each of its settings is right by itself. */
export const modulesSchema = strict({
  files: z.exactOptional(
    z
      .record(
        text(/^[\w-][\w.-]{0,250}\.m?js$/, "the name of a file that ends in .mjs or .js", "Name it as sink.mjs"),
        z.string(because("must be the text of a module", "Read it from its file")),
        because("must be a map from names of files that end in .mjs or .js to their text", 'Give { "sink.mjs": text }'),
      )
      .refine((files) => Object.keys(files).length > 0, because("must have at least one file", "Give the module"))
      .refine(
        (files) => Buffer.byteLength(Object.values(files).join("")) <= MODULES_BYTES,
        because(`must be at most ${MODULES_BYTES} bytes together`, "Use a claim, or an image of your own"),
      ),
  ),
  configMap: z.exactOptional(given(words("the name of a config map"))),
  claim: z.exactOptional(given(words("the name of a claim"))),
} satisfies Shape<WorkerModulesArgs>) satisfies z.ZodType<WorkerModulesArgs, WorkerModulesArgs>;

const ratio = because("must be a number from 0 to 1", "Give the share that is kept, 0.01 for one in a hundred");

/** Where traces and metrics are sent. */
export const telemetrySchema = strict({
  otlpEndpoint: z.url({
    protocol: /^https?$/,
    ...because("must be an http or https URL", "Give it as http://collector.monitoring.svc:4318"),
  }),
  traces: z.exactOptional(flag()),
  metrics: z.exactOptional(flag()),
  traceRatio: z.exactOptional(z.number(ratio).min(0, ratio).max(1, ratio)),
  headersSecret: z.exactOptional(
    strict({
      name: given(words("the name of a secret")),
      key: words("the key in the secret"),
    } satisfies Shape<SecretKeyArgs>),
  ),
  attributes: z.exactOptional(
    z.record(
      text(/^[A-Za-z][\w./-]*$/, "the name of an attribute", "Use a name such as deployment.environment.name"),
      z.string(because("must be text", "Put it in quotes")),
      because(
        "must be a map from names of attributes, as deployment.environment.name, to text",
        "Give { name: value }",
      ),
    ),
  ),
} satisfies Shape<WorkerTelemetryArgs>) satisfies z.ZodType<WorkerTelemetryArgs, WorkerTelemetryArgs>;

/** How many replicas there are when they are not counted. */
export const replicasSchema = integer(0, 1000, "replicas");

/** How many replicas a number of waiting messages asks for. */
export const scalingSchema = strict({
  minReplicas: integer(0, 1000, "replicas"),
  maxReplicas: integer(1, 1000, "replicas"),
  messagesPerReplica: integer(1, 1_000_000, "messages"),
  pollingSeconds: z.exactOptional(integer(5, 3600, "seconds")),
  scaleDownSeconds: z.exactOptional(integer(0, 3600, "seconds")),
} satisfies Shape<ScalingArgs>) satisfies z.ZodType<ScalingArgs, ScalingArgs>;

/** What is checked in another place: here it is known, and nothing more. */
const elsewhere = z.exactOptional(z.unknown());

const connectionSchema = strict({
  fullyQualifiedNamespace: given(words("the host of the Service Bus")),
  administration: z.exactOptional(text(/^[A-Za-z0-9.-]+:\d{1,5}$/, "HOST:PORT", "Give host and port")),
  developmentEmulator: z.exactOptional(flag()),
  instanceDiscovery: z.exactOptional(flag()),
  clientId: z.exactOptional(given(words("the client id of the worker's identity"))),
  linstorControllers: elsewhere,
  cassandra: elsewhere,
} satisfies Shape<WorkerConnectionArgs>);

const autoscalingSchema = strict({
  identityClientId: given(words("the client id of the autoscaler's own identity")),
  serviceBusNamespace: given(words("the name of the Service Bus namespace")),
  minReplicas: elsewhere,
  maxReplicas: elsewhere,
  messagesPerReplica: elsewhere,
  pollingSeconds: elsewhere,
  scaleDownSeconds: elsewhere,
} satisfies Shape<WorkerAutoscalingArgs>);

/** The keys of a Worker, and what of it no other schema here checks. */
export const workerSchema = strict({
  namespace: given(words("the Kubernetes namespace of the worker")),
  pipeline: elsewhere,
  connection: connectionSchema,
  image: elsewhere,
  serviceAccountName: given(words("the name of a service account")),
  replicas: elsewhere,
  autoscaling: z.exactOptional(autoscalingSchema),
  resources: elsewhere,
  volumeClaim: elsewhere,
  auditClaim: z.exactOptional(given(words("the name of a claim"))),
  modules: elsewhere,
  telemetry: elsewhere,
  monitoring: elsewhere,
  network: elsewhere,
  nodeSelector: z.exactOptional(
    z.record(
      z.string(),
      z.string(because("must be text", "Put it in quotes")),
      because("must be a map of labels", "Give { label: value }"),
    ),
  ),
} satisfies Shape<WorkerArgs>);
