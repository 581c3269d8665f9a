import { decodeStored, encodeStored } from "../amqp/storedContent.js";
import type { AccessGuard } from "../core/accessGuard.js";
import { BrokerError, BrokerErrorCode } from "../core/errors.js";
import type { Namespace } from "../core/namespace.js";
import { settingsOf } from "../core/settings.js";
import { Store } from "./store.js";

/** Opens a data folder. @param failed told once that it cannot be written any more */
export function openStore(folder: string, failed: (failure: BrokerError) => void): Store {
  return new Store({
    folder,
    codec: { encode: encodeStored, decode: decodeStored },
    failed: (error) =>
      failed(
        new BrokerError(
          BrokerErrorCode.Internal,
          `The data folder '${folder}' cannot be written: ${error.message}. Nothing was acknowledged since; start the broker again once that is mended.`,
        ),
      ),
  });
}

/** Brings back what a data folder holds; one that cannot be read is given up. */
export function restore(store: Store, namespace: Namespace, guard: AccessGuard): void {
  try {
    store.restore(namespace);
  } catch (error) {
    namespace.close();
    store.close();
    throw error;
  }
  for (const { path, rules } of [...namespace.queues(), ...namespace.topics()]) {
    const { authorizationRules } = settingsOf(rules);
    if (authorizationRules !== undefined && guard.enforced) {
      guard.policies.set(path, authorizationRules);
    }
  }
}
