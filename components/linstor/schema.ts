import { because, integer, oneOf, text } from "../../runtime/contract/zod.js";
import { given } from "../support/given.js";
import { flag, mapOf, type Shape, strict, words, z } from "../support/schema.js";
import {
  LinstorBindingMode,
  type LinstorClusterArgs,
  LinstorFileSystem,
  LinstorIssuerKind,
  LinstorPoolKind,
  LinstorReclaimPolicy,
  type LinstorResourceGroupArgs,
  type LinstorSatelliteSetArgs,
  type LinstorStorageClassArgs,
  type LinstorStoragePoolArgs,
  type LinstorTlsArgs,
} from "./args.js";

/** LINSTOR's own rule of names; it compares them without regard to case. */
const linstorName = (least: number) =>
  text(
    new RegExp(`^[A-Za-z_](?=.{${least - 1},47}$)[A-Za-z0-9_-]*$`),
    `${least} to 48 letters, digits, _ or -, the first a letter or _`,
    "Rename it",
  );
const label = (most: number) =>
  text(
    new RegExp(`^[a-z0-9](?=.{0,${most - 1}}$)(?:[a-z0-9-]*[a-z0-9])?$`),
    `a DNS label of at most ${most} lower-case letters, digits or -`,
    "Rename it",
  );
const subdomain = text(
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/,
  "a DNS subdomain of lower-case letters, digits, - or .",
  "Rename it",
);
const labels = z.record(z.string(), z.string(because("must be text", "Put it in quotes")));
const properties = z.record(
  z.string().min(1, because("must be named", "Name the property")),
  z.string(because("must be text", "Put it in quotes")),
);
/** Names of LVM's volume groups and pools, and of ZFS's. */
const poolName = text(
  /^[A-Za-z0-9_.+][A-Za-z0-9_.+:/-]*$/,
  "a name of LVM or ZFS",
  "Give the name without a path of /dev",
);
const absolutePath = text(/^\/[^\0]*$/, "an absolute path", "Begin it with /");

const tlsSchema = strict({
  issuerName: z.exactOptional(subdomain),
  issuerKind: z.exactOptional(oneOf(LinstorIssuerKind)),
  controllerSecretName: z.exactOptional(subdomain),
  satelliteSecretName: z.exactOptional(subdomain),
} satisfies Shape<LinstorTlsArgs>) satisfies z.ZodType<LinstorTlsArgs, LinstorTlsArgs>;

const poolSchema = strict({
  kind: oneOf(LinstorPoolKind),
  volumeGroup: z.exactOptional(poolName),
  thinPool: z.exactOptional(poolName),
  zPool: z.exactOptional(poolName),
  directory: z.exactOptional(absolutePath),
  hostDevices: z.exactOptional(
    z
      .array(
        text(/^\/dev\/\S+$/, "a device below /dev", "Give /dev/disk/azure/scsi1/lun0, for example"),
        because("must be a list of devices", 'Give ["/dev/sdc"]'),
      )
      .min(1, because("must have at least one entry", "Name a device, or remove the setting")),
  ),
} satisfies Shape<LinstorStoragePoolArgs>) satisfies z.ZodType<LinstorStoragePoolArgs, LinstorStoragePoolArgs>;

const setSchema = strict({
  nodes: integer(1, 1000, "nodes"),
  zones: z.exactOptional(
    z
      .array(words("a zone"), because("must be a list of zones", 'Give ["westeurope-1"]'))
      .min(1, because("must have at least one entry", "Name a zone, or remove the setting")),
  ),
  nodeSelector: z.exactOptional(labels),
  storagePools: mapOf(poolSchema, "storage pools"),
  properties: z.exactOptional(properties),
} satisfies Shape<LinstorSatelliteSetArgs>) satisfies z.ZodType<LinstorSatelliteSetArgs, LinstorSatelliteSetArgs>;

const groupSchema = strict({
  placeCount: integer(1, 32, "replicas"),
  storagePool: words("the name of a storage pool"),
  spreadZones: z.exactOptional(flag()),
} satisfies Shape<LinstorResourceGroupArgs>) satisfies z.ZodType<LinstorResourceGroupArgs, LinstorResourceGroupArgs>;

const classSchema = strict({
  resourceGroup: words("the name of a resource group"),
  remoteAccess: z.exactOptional(flag()),
  bindingMode: z.exactOptional(oneOf(LinstorBindingMode)),
  reclaimPolicy: z.exactOptional(oneOf(LinstorReclaimPolicy)),
  fileSystem: z.exactOptional(oneOf(LinstorFileSystem)),
  allowExpansion: z.exactOptional(flag()),
} satisfies Shape<LinstorStorageClassArgs>) satisfies z.ZodType<LinstorStorageClassArgs, LinstorStorageClassArgs>;

/** The rules of each setting by itself. */
export const linstorSchema = strict({
  namespace: given(label(63)),
  clusterName: z.exactOptional(subdomain),
  externalControllerUrl: z.exactOptional(
    given(text(/^https?:\/\/[^\s/]+(?::\d+)?\/?$/, "an http or https URL without a path", "Give http://10.0.0.4:3370")),
  ),
  nodeSelector: z.exactOptional(labels),
  controllerProperties: z.exactOptional(properties),
  passphraseSecret: z.exactOptional(subdomain),
  internalTls: z.exactOptional(tlsSchema),
  satellites: mapOf(setSchema, "sets of satellites"),
  resourceGroups: mapOf(groupSchema, "resource groups"),
  storageClasses: z.exactOptional(mapOf(classSchema, "storage classes")),
  protectData: z.exactOptional(flag()),
} satisfies Shape<LinstorClusterArgs>) satisfies z.ZodType<LinstorClusterArgs, LinstorClusterArgs>;

/** Names of what a cluster has, by where they stand. Piraeus asks for three characters of a pool's name. */
export const linstorNames = {
  satellites: label(40),
  storagePools: linstorName(3),
  resourceGroups: linstorName(2),
  storageClasses: subdomain,
};
