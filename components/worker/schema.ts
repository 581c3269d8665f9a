import { because, integer, text } from "../../runtime/contract/zod.js";
import { range } from "../support/cidr.js";
import { given } from "../support/given.js";
import { flag, type Shape, strict, words, z } from "../support/schema.js";
import type {
  ScalingArgs,
  WorkerArgs,
  WorkerAutoscalingArgs,
  WorkerConnectionArgs,
  WorkerNetworkArgs,
  WorkerResourcesArgs,
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

/** Which addresses the pods reach. */
export const networkSchema = strict({
  serviceBusCidrs: z.exactOptional(cidrsSchema),
  entraCidrs: z.exactOptional(cidrsSchema),
  storeCidrs: z.exactOptional(cidrsSchema),
  storeNamespace: z.exactOptional(given(words("the namespace of the store"))),
  dnsCidrs: z.exactOptional(cidrsSchema),
} satisfies Shape<WorkerNetworkArgs>) satisfies z.ZodType<WorkerNetworkArgs, WorkerNetworkArgs>;

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
