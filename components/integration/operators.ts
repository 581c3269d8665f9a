import * as helm from "@pulumi/kubernetes/helm/v3";
import type * as pulumi from "@pulumi/pulumi";
import { type IntegrationArgs, OperatorSource, type OperatorsArgs } from "./args.js";
import { childNames } from "./names.js";

/** A chart of one version, and what it must be told. */
interface Chart {
  chart: string;
  version: string;
  repo?: string;
  values: { [name: string]: unknown };
}

/**
 * The charts that are installed. Each is of one version, which is changed by a release of this package and never by
 * itself; what runs in a cluster stays until then.
 */
export const CHARTS = {
  certManager: {
    chart: "cert-manager",
    version: "v1.19.1",
    repo: "https://charts.jetstack.io",
    values: { crds: { enabled: true, keep: true } },
  },
  keda: {
    chart: "keda",
    version: "2.18.1",
    repo: "https://kedacore.github.io/charts",
    // The label by which the webhook gives the operator's pods a token. The identities stand in the triggers.
    values: { podIdentity: { azureWorkload: { enabled: true } } },
  },
  piraeus: {
    chart: "oci://ghcr.io/piraeusdatastore/piraeus-operator/piraeus",
    version: "2.10.4",
    values: { installCRDs: true },
  },
  k8ssandra: {
    chart: "k8ssandra-operator",
    version: "1.29.0",
    repo: "https://helm.k8ssandra.io/stable",
    values: {},
  },
} satisfies { [operator: string]: Chart };

type Operator = keyof typeof CHARTS;

/** KEDA's service account, as its chart and the add-on of AKS name it. */
export const KEDA_ACCOUNT = "keda-operator";

/** Namespace of KEDA. */
export function kedaNamespace(operators: OperatorsArgs = {}): string {
  return operators.kedaNamespace ?? "keda";
}

/** The operators that the parts of an integration need. */
export function neededOperators(args: IntegrationArgs): Operator[] {
  const needed: [Operator, boolean][] = [
    ["certManager", args.storage?.cassandra !== undefined],
    ["keda", Object.values(args.pipelines).some((pipeline) => pipeline.scaling !== undefined)],
    ["piraeus", args.storage?.linstor !== undefined],
    ["k8ssandra", args.storage?.cassandra !== undefined],
  ];
  return needed.filter(([, isNeeded]) => isNeeded).map(([operator]) => operator);
}

/** Where an operator's release goes: LINSTOR's and Cassandra's next to what they run. */
function releaseNamespace(operator: Operator, args: IntegrationArgs): pulumi.Input<string> {
  const fixed = { certManager: "cert-manager", keda: kedaNamespace(args.operators) };
  if (operator === "piraeus") return args.storage?.linstor?.namespace ?? "piraeus-datastore";
  if (operator === "k8ssandra") return args.storage?.cassandra?.namespace ?? "k8ssandra-operator";
  return fixed[operator];
}

/** Registers a release for each operator that is needed and is to be installed; gives them by operator. */
export function installOperators(
  name: string,
  args: IntegrationArgs,
  opts: pulumi.CustomResourceOptions,
): Map<Operator, helm.Release> {
  const releases = new Map<Operator, helm.Release>();
  for (const operator of neededOperators(args)) {
    if (args.operators?.[operator] !== OperatorSource.Install) continue;
    const { chart, version, values, ...rest }: Chart = CHARTS[operator];
    const certManager = releases.get("certManager");
    // k8ssandra-operator takes the certificates of its webhooks from cert-manager.
    const dependsOn = operator === "k8ssandra" && certManager !== undefined ? [certManager] : [];
    releases.set(
      operator,
      new helm.Release(
        childNames.operator(name, operator),
        {
          chart,
          version,
          values,
          namespace: releaseNamespace(operator, args),
          createNamespace: true,
          ...(rest.repo === undefined ? {} : { repositoryOpts: { repo: rest.repo } }),
        },
        { ...opts, dependsOn },
      ),
    );
  }
  return releases;
}
