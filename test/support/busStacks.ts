import type { ServiceBusArgs } from "../../components/servicebus/index.js";
import { entitiesOfTier } from "./busEntities.js";
import { namespaceOfTier, REGIONS, replicatedNamespace } from "./busTiers.js";

/** What every bus has beside its namespace and its entities. */
const around = { resourceGroupName: "messaging", location: REGIONS.first, tags: { team: "storage" } };

/** A whole bus of each tier, and a second premium one: together they use every setting that there is. */
export const busStacks: { [kind: string]: ServiceBusArgs } = {
  Basic: { ...around, namespace: namespaceOfTier.Basic, ...entitiesOfTier.Basic },
  Standard: { ...around, namespace: namespaceOfTier.Standard, ...entitiesOfTier.Standard },
  Premium: { ...around, namespace: namespaceOfTier.Premium, ...entitiesOfTier.Premium },
  Replicated: { ...around, namespace: replicatedNamespace, ...entitiesOfTier.Replicated },
};
