import { randomBytes } from "node:crypto";
import type { PodTemplate } from "./template.js";

/** The address of every pod: they are processes of this machine. */
export const POD_IP = "127.0.0.1";

/** What the downward API tells a pod of itself. */
export interface PodIdentity {
  name: string;
  namespace: string;
  uid: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  nodeName: string;
  serviceAccountName: string;
}

/** `namespace/name`. */
export function podId(pod: PodIdentity): string {
  return `${pod.namespace}/${pod.name}`;
}

export function podIdentity(name: string, namespace: string, uid: string, template: PodTemplate): PodIdentity {
  const { labels, annotations } = template.metadata;
  const { nodeName, serviceAccountName } = template.spec;
  return { name, namespace, uid, labels, annotations, nodeName, serviceAccountName };
}

/** The value of a field reference; undefined for one that the downward API does not have. */
export function fieldValue(pod: PodIdentity, fieldPath: string): string | undefined {
  const keyed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(fieldPath);
  if (keyed !== null) return (keyed[1] === "labels" ? pod.labels : pod.annotations)[keyed[2] ?? ""] ?? "";
  const values: Record<string, string> = {
    "metadata.name": pod.name,
    "metadata.namespace": pod.namespace,
    "metadata.uid": pod.uid,
    "metadata.labels": lines(pod.labels),
    "metadata.annotations": lines(pod.annotations),
    "spec.nodeName": pod.nodeName,
    "spec.serviceAccountName": pod.serviceAccountName,
    "status.podIP": POD_IP,
    "status.podIPs": POD_IP,
    "status.hostIP": POD_IP,
  };
  return values[fieldPath];
}

function lines(entries: Record<string, string>): string {
  return Object.entries(entries)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join("\n");
}

/** Five characters of the alphabet of Kubernetes' generated names, which spells no words. */
export function suffix(): string {
  const alphabet = "bcdfghjklmnpqrstvwxz2456789";
  return [...randomBytes(5)].map((byte) => alphabet[byte % alphabet.length]).join("");
}
