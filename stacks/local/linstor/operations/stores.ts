import type { Answer } from "../answers.js";
import type { Cluster } from "../cluster.js";
import { Code, Operation, Subject } from "../codes.js";
import { keyOf, type Properties } from "../model.js";
import { changeProperties, type PropertyChange } from "../properties.js";

const WEIGHT = /^[0-9]+([.][0-9]+)?$/;

/** The instance, or the answer's end with 316. */
export function needStore(cluster: Cluster, name: string): { name: string; uuid: string; props: Properties } {
  const found = cluster.state.stores[keyOf(name)];
  if (found !== undefined) return found;
  const answer = cluster.answer(Operation.None, Subject.None);
  return answer.fail(Code.NotFoundKeyValueStore, `Could not find key value store instance '${name}'.`);
}

/** Sets and deletes keys of an instance; it comes to be with its first key. */
export function modifyStore(cluster: Cluster, name: string, change: PropertyChange): Answer {
  const answer = cluster.answer(Operation.Modify, Subject.Controller);
  cluster.needName(answer, Code.InvalidKeyValueStoreName, "key value store", name, `Key value store: ${name}`);
  cluster.state.stores[keyOf(name)] ??= { name, uuid: cluster.uuid(), props: {} };
  changeProperties(needStore(cluster, name).props, change);
  return answer.say(Code.Modified, "Successfully updated properties");
}

export function deleteStore(cluster: Cluster, name: string): Answer {
  const answer = cluster.answer(Operation.None, Subject.None);
  const store = needStore(cluster, name);
  delete cluster.state.stores[keyOf(name)];
  return answer.say(Code.Deleted, `Kvs '${store.name}' deleted.`, {
    details: `Kvs '${store.name}' UUID was: ${store.uuid}`,
  });
}

/** Sets properties of the controller; the autoplacer's weights are numbers. */
export function modifyController(cluster: Cluster, change: PropertyChange): Answer {
  const answer = cluster.answer(Operation.Create, Subject.Controller);
  for (const [key, value] of Object.entries(change.override_props ?? {}))
    if (key.startsWith("Autoplacer/Weights/") && !WEIGHT.test(value))
      answer.fail(Code.InvalidProperty, `The value '${value}' is not valid.`, {
        details: `This value has to match ${WEIGHT.source.replace("$", "")}.\nController`,
      });
  changeProperties(cluster.state.props, change);
  for (const [key, value] of Object.entries(change.override_props ?? {}))
    answer.say(Code.Created, `Successfully set property '${key}' to value '${value}'`);
  return answer;
}
