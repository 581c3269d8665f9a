import type * as pulumi from "@pulumi/pulumi";
import { CassandraRing } from "../cassandra/index.js";
import { GlusterCluster } from "../gluster/index.js";
import { LinstorCluster } from "../linstor/index.js";
import type { CassandraEndpointArgs } from "../worker/args.js";
import type { IntegrationArgs } from "./args.js";
import { childNames } from "./names.js";
import { ringArgs, ringOf } from "./ring.js";

/** What the stores stand on. */
interface StoreGround {
  namespaceName: pulumi.Output<string>;
  /** Releases of operators, by operator. */
  operators: Map<string, pulumi.Resource>;
  /** Resource group and namespace, where they are made here. */
  ready: pulumi.Resource[];
  opts: pulumi.ComponentResourceOptions;
}

/** The stores as workers reach them. */
export interface Stores {
  gluster?: GlusterCluster;
  linstor?: LinstorCluster;
  cassandra?: CassandraRing;
  /** Claims of the Gluster volumes, by volume. */
  claims?: pulumi.Output<{ [volume: string]: string }>;
  /** URLs of the LINSTOR controllers. */
  controllers?: pulumi.Input<pulumi.Input<string>[]>;
  /** Where the Cassandra ring is. */
  ring?: CassandraEndpointArgs;
}

/** Registers the stores. Where `endpoints` names another way to one, workers take that. */
export function registerStores(name: string, args: IntegrationArgs, ground: StoreGround): Stores {
  const { storage = {}, endpoints = {} } = args;
  const after = (...operators: string[]): pulumi.ComponentResourceOptions => ({
    ...ground.opts,
    dependsOn: [...ground.ready, ...operators.flatMap((operator) => ground.operators.get(operator) ?? [])],
  });
  const stores: Stores = {};
  if (storage.gluster !== undefined) {
    const { access, ...hosts } = storage.gluster;
    const claimNamespace = ground.namespaceName;
    stores.gluster = new GlusterCluster(
      childNames.gluster(name),
      { ...hosts, ...(access === undefined ? {} : { access: { ...access, claimNamespace } }) },
      after(),
    );
    stores.claims = stores.gluster.claimNames;
  }
  if (storage.linstor !== undefined) {
    stores.linstor = new LinstorCluster(childNames.linstor(name), storage.linstor, after("piraeus"));
    stores.controllers = [stores.linstor.controllerUrl];
  }
  if (storage.cassandra !== undefined) {
    const ring = ringArgs(storage.cassandra, args.image);
    stores.cassandra = new CassandraRing(childNames.cassandra(name), ring, after("certManager", "k8ssandra"));
  }
  if (endpoints.linstor !== undefined) stores.controllers = endpoints.linstor.controllers;
  const ring = ringOf(args, stores.cassandra);
  if (ring !== undefined) stores.ring = ring;
  return stores;
}
