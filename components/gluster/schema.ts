import { because, integer, oneOf, text } from "../../runtime/contract/zod.js";
import { address, range } from "../support/cidr.js";
import { armId, given, subnetId } from "../support/given.js";
import { flag, mapOf, type Shape, strict, words, z } from "../support/schema.js";
import {
  type GlusterAccessArgs,
  type GlusterClusterArgs,
  type GlusterCsiArgs,
  type GlusterCsiVolumeArgs,
  GlusterDiskSku,
  type GlusterHostArgs,
  type GlusterImageArgs,
  type GlusterNodeMountArgs,
  type GlusterVolumeArgs,
} from "./args.js";

/** The widest range that may be let in: a private block. Wider is the whole internet, in practice. */
const WIDEST = 2 ** 24;

const cidr = z
  .string(because("must be an IPv4 range", "Write it as 10.20.1.0/24"))
  .refine(
    (value) => range(value) !== undefined,
    because("must be an IPv4 range whose host bits are zero", "Write it as 10.20.1.0/24"),
  )
  .refine(
    (value) => {
      const found = range(value);
      return found === undefined || found.last - found.first < WIDEST;
    },
    because("must be a /8 or smaller: a wider range lets strangers in", "Name the subnets that need it"),
  );
const cidrs = z
  .array(cidr, because("must be a list of IPv4 ranges", 'Give ["10.20.2.0/24"]'))
  .min(1, because("must have at least one entry", "Name a subnet, or remove the setting"));
const diskSize = integer(4, 32767, "GiB");
const label = (most: number) =>
  text(
    new RegExp(`^[a-z](?=.{0,${most - 1}}$)(?:[a-z0-9-]*[a-z0-9])?$`),
    `1 to ${most} lower-case letters, digits or -, the first a letter, the last a letter or digit`,
    "Rename it",
  );
const labels = z.record(z.string(), z.string(because("must be text", "Put it in quotes")));
/** A private key would match neither: it must never stand here. */
const PUBLIC_KEY = /^(?:ssh-ed25519|ssh-rsa) [A-Za-z0-9+/]+={0,3}(?: [^\n]*)?\s*$/;
/** Names that Azure refuses for administrators of Linux machines, as far as they could be taken for one. */
const REFUSED_NAMES =
  "root|admin|administrator|user|user1|test|guest|owner|backup|console|sys|sql|support|david|john|a|1";

const imageSchema = strict({
  id: z.exactOptional(armId("a gallery image", /^\/subscriptions\/[^/]+\/.*\/images\/[^/]+(?:\/versions\/[^/]+)?$/i)),
  publisher: z.exactOptional(given(words("a publisher"))),
  offer: z.exactOptional(given(words("an offer"))),
  sku: z.exactOptional(given(words("a sku"))),
  version: z.exactOptional(
    text(/^\d+(?:\.\d+){2,}$/, 'an exact version, not "latest": it would differ between hosts', "Name a version"),
  ),
} satisfies Shape<GlusterImageArgs>) satisfies z.ZodType<GlusterImageArgs, GlusterImageArgs>;

const hostSchema = strict({
  zone: text(/^[123]$/, '"1", "2" or "3"', "Name the zone in quotes"),
  privateAddress: z.exactOptional(
    z
      .string(because("must be an IPv4 address", "Write it as 10.20.1.10"))
      .refine((value) => address(value) !== undefined, because("must be an IPv4 address", "Write it as 10.20.1.10")),
  ),
} satisfies Shape<GlusterHostArgs>) satisfies z.ZodType<GlusterHostArgs, GlusterHostArgs>;

const volumeSchema = strict({
  replicas: z.exactOptional(integer(1, 3, "copies")),
  arbiter: z.exactOptional(integer(0, 1, "arbiters")),
  bricks: z
    .array(z.string(because("must be the name of a host", "Name one of hosts")), {
      ...because("must be a list of hosts, one a brick", 'Give ["a", "b", "c"]'),
    })
    .min(1, because("must have at least one entry", "Name the host of each brick")),
  brickSizeGb: diskSize,
  arbiterSizeGb: z.exactOptional(diskSize),
  diskSku: z.exactOptional(oneOf(GlusterDiskSku)),
  firstLun: z.exactOptional(integer(0, 63)),
} satisfies Shape<GlusterVolumeArgs>) satisfies z.ZodType<GlusterVolumeArgs, GlusterVolumeArgs>;

const nodeMountSchema = strict({
  image: given(
    text(
      /^\S+@sha256:[0-9a-f]{64}$/,
      "an image by digest, name@sha256:…",
      "Pin it: a tag can come to mean another image",
    ),
  ),
  namespace: z.exactOptional(label(63)),
  createNamespace: z.exactOptional(flag()),
  nodeSelector: z.exactOptional(labels),
} satisfies Shape<GlusterNodeMountArgs>) satisfies z.ZodType<GlusterNodeMountArgs, GlusterNodeMountArgs>;

const csiVolumeSchema = strict({
  volumeHandle: given(words("the driver's handle of the volume")),
  volumeAttributes: z.exactOptional(mapOf(given(words("an attribute")), "attributes")),
} satisfies Shape<GlusterCsiVolumeArgs>) satisfies z.ZodType<GlusterCsiVolumeArgs, GlusterCsiVolumeArgs>;

const accessSchema = strict({
  claimNamespace: given(label(63)),
  nodeMount: z.exactOptional(nodeMountSchema),
  csi: z.exactOptional(
    strict({
      driver: words("the name of a CSI driver"),
      volumes: mapOf(csiVolumeSchema, "volumes"),
    } satisfies Shape<GlusterCsiArgs>),
  ),
} satisfies Shape<GlusterAccessArgs>) satisfies z.ZodType<GlusterAccessArgs, GlusterAccessArgs>;

/** The rules of each setting by itself. */
export const glusterSchema = strict({
  resourceGroupName: given(words("the name of a resource group")),
  location: z.exactOptional(given(words("an Azure region"))),
  subnetId,
  storageCidr: cidr,
  clientCidrs: cidrs,
  sshCidrs: z.exactOptional(cidrs),
  vmSize: given(text(/^[A-Z][A-Za-z0-9_-]+$/, "a size of virtual machines", "Use Azure's name, Standard_D4s_v5")),
  image: imageSchema,
  osDiskSizeGb: z.exactOptional(integer(30, 2048, "GiB")),
  adminUsername: z.exactOptional(
    text(
      new RegExp(`^(?!(?:${REFUSED_NAMES})$)[a-z][a-z0-9_-]{0,31}$`),
      "1 to 32 lower-case letters, digits, _ or -, the first a letter, and none of the names that Azure refuses (root, admin, …)",
      "Choose another name",
    ),
  ),
  sshPublicKey: given(
    text(PUBLIC_KEY, "a public key in OpenSSH form, ssh-ed25519 or ssh-rsa", "Give the .pub file's line"),
  ),
  trustedLaunch: z.exactOptional(flag()),
  hosts: mapOf(hostSchema, "hosts"),
  volumes: mapOf(volumeSchema, "volumes"),
  access: z.exactOptional(accessSchema),
  protectData: z.exactOptional(flag()),
  tags: z.exactOptional(mapOf(given(z.string(because("must be text", "Put it in quotes"))), "tags")),
} satisfies Shape<GlusterClusterArgs>) satisfies z.ZodType<GlusterClusterArgs, GlusterClusterArgs>;

/** Names: the component's goes into every Azure name, so that the longest of them keeps to 80 characters. */
export const glusterNames = { cluster: label(30), host: label(20), volume: label(24) };
