import * as apiextensions from "@pulumi/kubernetes/apiextensions";
import * as storage from "@pulumi/kubernetes/storage/v1";
import * as pulumi from "@pulumi/pulumi";
import { defined } from "../../runtime/contract/index.js";
import { refuse } from "../support/inputs.js";
import { stated } from "../support/schema.js";
import {
  type LinstorClusterArgs,
  LinstorIssuerKind,
  type LinstorResourceGroupPlan,
  type LinstorTlsArgs,
} from "./args.js";
import { CSI_DRIVER, fragileGroups, namedValues, planClass, planGroups, planPool, planProperties } from "./plan.js";
import { linstorProblems } from "./validate.js";

const API = "piraeus.io/v1";
const LABELS = { "app.kubernetes.io/part-of": "stowage" };

/**
 * LINSTOR under the Piraeus operator: the cluster with its controller, sets of satellites with their storage pools,
 * and storage classes. Its resource groups are described here and created by whoever needs them first.
 */
export class LinstorCluster extends pulumi.ComponentResource {
  /** URL of the controller's API, as pods of the cluster reach it. */
  public readonly controllerUrl: pulumi.Output<string>;
  /** Name of the LinstorCluster object. */
  public readonly clusterName: pulumi.Output<string>;
  /** Names of the storage classes. */
  public readonly storageClassNames: pulumi.Output<string[]>;
  /** The resource groups as a worker's sink creates them, by name. */
  public readonly resourceGroups: pulumi.Output<{ [group: string]: LinstorResourceGroupPlan }>;

  constructor(name: string, args: LinstorClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("stowage:index:LinstorCluster", name, {}, opts);
    const given = stated(args);
    refuse("LinstorCluster", name, linstorProblems(given));
    for (const { group, placeCount, why } of fragileGroups(given))
      void pulumi.log.warn(`resourceGroups.${group}: placeCount is ${placeCount}, and ${why}.`, this);

    const protect = given.protectData ?? true;
    const clusterName = given.clusterName ?? "linstorcluster";
    const { externalControllerUrl: url, internalTls } = given;
    const cluster = new apiextensions.CustomResource(
      name,
      {
        apiVersion: API,
        kind: "LinstorCluster",
        metadata: { name: clusterName, labels: LABELS, annotations: { "pulumi.com/waitFor": "condition=Available" } },
        spec: defined({
          nodeSelector: given.nodeSelector,
          externalController: url === undefined ? undefined : { url },
          linstorPassphraseSecret: given.passphraseSecret,
          properties: given.controllerProperties && namedValues(given.controllerProperties),
          internalTLS: tls(internalTls, internalTls?.controllerSecretName),
        }),
      },
      { parent: this, protect },
    );

    for (const [set, settings] of Object.entries(given.satellites))
      new apiextensions.CustomResource(
        `${name}-${set}`,
        {
          apiVersion: API,
          kind: "LinstorSatelliteConfiguration",
          metadata: { name: `${clusterName}-${set}`, labels: LABELS },
          spec: defined({
            nodeSelector: settings.nodeSelector,
            internalTLS: tls(internalTls, internalTls?.satelliteSecretName),
            properties: planProperties(settings),
            storagePools: Object.entries(settings.storagePools).map(([pool, each]) => planPool(pool, each)),
          }),
        },
        { parent: this, protect },
      );

    const groups = planGroups(given);
    const classes = Object.entries(given.storageClasses ?? {}).flatMap(([className, settings]) => {
      const group = groups[settings.resourceGroup];
      if (group === undefined) return [];
      return new storage.StorageClass(
        `${name}-${className}`,
        { metadata: { name: className, labels: LABELS }, provisioner: CSI_DRIVER, ...planClass(settings, group) },
        // Kubernetes changes none of these on a class that exists; its volumes stay.
        {
          parent: this,
          deleteBeforeReplace: true,
          replaceOnChanges: ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"],
        },
      );
    });

    this.clusterName = cluster.metadata.name;
    this.controllerUrl =
      url === undefined
        ? pulumi.interpolate`http://linstor-controller.${given.namespace}.svc:3370`
        : pulumi.output(url).apply((known) => known.replace(/\/$/, ""));
    this.storageClassNames = pulumi.all(classes.map((each) => each.metadata.name));
    this.resourceGroups = pulumi.output(groups);
    this.registerOutputs({
      controllerUrl: this.controllerUrl,
      clusterName: this.clusterName,
      storageClassNames: this.storageClassNames,
      resourceGroups: this.resourceGroups,
    });
  }
}

/** How one side of the connection between controller and satellites gets its certificate. */
function tls(settings: LinstorTlsArgs | undefined, secretName: string | undefined) {
  if (settings === undefined) return undefined;
  const { issuerName, issuerKind = LinstorIssuerKind.Issuer } = settings;
  return issuerName === undefined ? { secretName } : { certManager: { name: issuerName, kind: issuerKind } };
}
