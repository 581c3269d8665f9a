import { dirname } from "node:path";
import type { ObjectStore } from "../store.js";
import { type ConfigurationKind, missing, requiredEntries } from "./configuration.js";
import { expand } from "./expand.js";
import { fieldValue, type PodIdentity } from "./identity.js";
import { type Places, rewriteText } from "./rewrite.js";
import type { Container, EnvVar } from "./template.js";

/** A container's variables: as the spec gives them, and as the process gets them. */
export interface Environment {
  /** What `$(NAME)` is expanded from, before anything is rewritten. */
  written: Map<string, string>;
  /** What the process is started with. */
  process: Record<string, string>;
}

const NAME = /^[A-Za-z_.-][A-Za-z0-9_.-]*$/;

/**
 * The environment of a container: what its spec says, and the little that any container has (PATH, HOME, HOSTNAME,
 * KUBERNETES_*). Nothing of this process's own environment goes in.
 * Throws CannotStartError where a config map, a secret or a key of one is missing.
 */
export function containerEnvironment(
  container: Container,
  pod: PodIdentity,
  store: ObjectStore,
  places: Places,
  base: Record<string, string>,
  home: string,
): Environment {
  const written = new Map<string, string>();
  const literal = new Set<string>();
  for (const source of container.envFrom) {
    const { configMapRef, secretRef, prefix } = source;
    const pairs: [ConfigurationKind, typeof configMapRef][] = [
      ["ConfigMap", configMapRef],
      ["Secret", secretRef],
    ];
    for (const [kind, ref] of pairs) {
      if (ref === undefined) continue;
      for (const [key, value] of requiredEntries(store, kind, pod.namespace, ref.name, ref.optional)) {
        // The kubelet skips keys that are no names of variables.
        if (!NAME.test(key)) continue;
        written.set(`${prefix}${key}`, value.toString("utf8"));
        literal.add(`${prefix}${key}`);
      }
    }
  }
  for (const variable of container.env) {
    const value = variableValue(variable, pod, store, written);
    if (value === undefined) continue;
    written.set(variable.name, value);
    if (variable.valueFrom?.fieldRef === undefined) literal.add(variable.name);
    else literal.delete(variable.name);
  }
  const rewritten = [...written].map(([name, value]) => [name, literal.has(name) ? rewriteText(value, places) : value]);
  return { written, process: { ...minimal(pod, home), ...base, ...Object.fromEntries(rewritten) } };
}

function minimal(pod: PodIdentity, home: string): Record<string, string> {
  return {
    PATH: `${dirname(process.execPath)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    HOME: home,
    HOSTNAME: pod.name,
    // As every container of a cluster has them; where the stand-in has an API, `base` says where it is.
    KUBERNETES_SERVICE_HOST: "127.0.0.1",
    KUBERNETES_SERVICE_PORT: "443",
  };
}

function variableValue(
  variable: EnvVar,
  pod: PodIdentity,
  store: ObjectStore,
  before: ReadonlyMap<string, string>,
): string | undefined {
  const { fieldRef, configMapKeyRef, secretKeyRef } = variable.valueFrom ?? {};
  if (fieldRef !== undefined) {
    const value = fieldValue(pod, fieldRef.fieldPath);
    if (value === undefined) throw missing(`${variable.name}: there is no field ${fieldRef.fieldPath}`);
    return value;
  }
  const ref = configMapKeyRef ?? secretKeyRef;
  if (ref === undefined) return expand(variable.value ?? "", before);
  const kind = configMapKeyRef === undefined ? "Secret" : "ConfigMap";
  const value = requiredEntries(store, kind, pod.namespace, ref.name, ref.optional).get(ref.key);
  if (value !== undefined) return value.toString("utf8");
  if (ref.optional) return undefined;
  throw missing(`${variable.name}: ${kind} ${pod.namespace}/${ref.name} has no key ${ref.key}`);
}
