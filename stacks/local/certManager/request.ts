import { InvalidInputError, type Problem, problem } from "../../../runtime/contract/index.js";
import {
  describeObject,
  type KubernetesObject,
  listAt,
  numberAt,
  textAt,
  textsAt,
  valueAt,
} from "../providers/kubernetes/object.js";

/** Algorithms of private keys. */
export const KeyAlgorithm = { RSA: "RSA", ECDSA: "ECDSA" } as const;
export type KeyAlgorithm = (typeof KeyAlgorithm)[keyof typeof KeyAlgorithm];

/** How a private key is written. */
export const KeyEncoding = { PKCS1: "PKCS1", PKCS8: "PKCS8" } as const;
export type KeyEncoding = (typeof KeyEncoding)[keyof typeof KeyEncoding];

/** A private key as a Certificate asks for it. */
export interface KeyRequest {
  algorithm: KeyAlgorithm;
  /** Bits: 2048 to 8192 of RSA; 256, 384 or 521 of ECDSA. */
  size: number;
  encoding: KeyEncoding;
}

/** The secret and entry in which a keystore's password is. */
export interface PasswordRef {
  /** `jks` or `pkcs12`. */
  store: string;
  secret: string;
  key: string;
}

/** What a Certificate asks for. */
export interface CertificateRequest {
  namespace: string;
  name: string;
  secretName: string;
  issuer: { kind: "Issuer" | "ClusterIssuer"; name: string };
  commonName: string | undefined;
  organizations: string[];
  dnsNames: string[];
  ipAddresses: string[];
  isCa: boolean;
  usages: string[];
  /** How long it holds, in milliseconds: 1 h at least. */
  durationMs: number;
  key: KeyRequest;
  /** True for `tls-combined.pem`, the private key and the chain in one. */
  combined: boolean;
  /** True for `key.der`. */
  der: boolean;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  /** Keystores that are asked for; here they are waited for and not made. */
  keystores: PasswordRef[];
}

/** cert-manager's default. */
const DURATION_MS = 90 * 24 * 3_600_000;
const SHORTEST_MS = 3_600_000;
const USAGES = ["digital signature", "key encipherment"];
const UNIT_MS: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
const SIZES = { [KeyAlgorithm.RSA]: [2048, 3072, 4096, 8192], [KeyAlgorithm.ECDSA]: [256, 384, 521] };

/** Reads a Certificate. Throws InvalidInputError with everything that cert-manager's webhook or schema would refuse. */
export function readRequest(object: KubernetesObject): CertificateRequest {
  const problems: Problem[] = [];
  const { spec } = object;
  const required = (path: string[], what: string): string => {
    const value = textAt(spec, ...path) ?? "";
    if (value === "") problems.push(problem(`spec.${path.join(".")}`, undefined, `is missing: ${what}`, "Give it"));
    return value;
  };
  const secretName = required(["secretName"], "the secret that is written");
  const issuerName = required(["issuerRef", "name"], "the issuer that signs");
  const kind = textAt(spec, "issuerRef", "kind") ?? "Issuer";
  if (kind !== "Issuer" && kind !== "ClusterIssuer")
    problems.push(problem("spec.issuerRef.kind", kind, "must be Issuer or ClusterIssuer", "Choose one of them"));
  const names = (key: string) => listAt(spec, key).map(String);
  const commonName = textAt(spec, "commonName");
  const [dnsNames, ipAddresses] = [names("dnsNames"), names("ipAddresses")];
  if ((commonName ?? "") === "" && dnsNames.length === 0 && ipAddresses.length === 0)
    problems.push(
      problem("spec", undefined, "must have a commonName, dnsNames or ipAddresses", "Say what the certificate is for"),
    );
  const formats = listAt(spec, "additionalOutputFormats").map((format) => textAt(format, "type"));
  const request: CertificateRequest = {
    namespace: object.metadata.namespace ?? "default",
    name: object.metadata.name,
    secretName,
    issuer: { kind: kind === "ClusterIssuer" ? kind : "Issuer", name: issuerName },
    commonName: commonName === "" ? undefined : commonName,
    organizations: listAt(spec, "subject", "organizations").map(String),
    dnsNames,
    ipAddresses,
    isCa: valueAt(spec, ["isCA"]) === true,
    usages: names("usages").length === 0 ? USAGES : names("usages"),
    durationMs: durationMs(textAt(spec, "duration"), problems),
    key: readKey(spec, problems),
    combined: formats.includes("CombinedPEM"),
    der: formats.includes("DER"),
    labels: textsAt(spec, "secretTemplate", "labels"),
    annotations: textsAt(spec, "secretTemplate", "annotations"),
    keystores: ["jks", "pkcs12"].flatMap((store) => keystore(spec, store, problems)),
  };
  if (problems.length > 0) throw new InvalidInputError(describeObject(object), problems);
  return request;
}

function keystore(spec: unknown, store: string, problems: Problem[]): PasswordRef[] {
  if (valueAt(spec, ["keystores", store, "create"]) !== true) return [];
  const ref = ["keystores", store, "passwordSecretRef"];
  const [secret, key] = [textAt(spec, ...ref, "name"), textAt(spec, ...ref, "key")];
  if (secret !== undefined && key !== undefined) return [{ store, secret, key }];
  const path = `spec.${ref.join(".")}`;
  problems.push(problem(path, undefined, "must name the secret and the key of the password", "Give name and key"));
  return [];
}

function readKey(spec: unknown, problems: Problem[]): KeyRequest {
  const at = (field: string) => valueAt(spec, ["privateKey", field]);
  const algorithm = at("algorithm") ?? KeyAlgorithm.RSA;
  const encoding = at("encoding") ?? KeyEncoding.PKCS1;
  const known = algorithm === KeyAlgorithm.RSA || algorithm === KeyAlgorithm.ECDSA ? algorithm : undefined;
  if (known === undefined)
    problems.push(
      problem("spec.privateKey.algorithm", algorithm, "must be RSA or ECDSA locally", "Choose one of them"),
    );
  if (encoding !== KeyEncoding.PKCS1 && encoding !== KeyEncoding.PKCS8)
    problems.push(problem("spec.privateKey.encoding", encoding, "must be PKCS1 or PKCS8", "Choose one of them"));
  const sizes = SIZES[known ?? KeyAlgorithm.RSA];
  const size = numberAt(spec, "privateKey", "size") ?? sizes[0] ?? 0;
  if (!sizes.includes(size))
    problems.push(problem("spec.privateKey.size", size, `must be ${sizes.join(", ")}`, "Choose one of them"));
  return {
    algorithm: known ?? KeyAlgorithm.RSA,
    size,
    encoding: encoding === KeyEncoding.PKCS8 ? KeyEncoding.PKCS8 : KeyEncoding.PKCS1,
  };
}

/** A duration as Go writes it, `2160h` or `24h30m`, in milliseconds. */
function durationMs(text: string | undefined, problems: Problem[]): number {
  if (text === undefined) return DURATION_MS;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  const whole = parts.map(([part]) => part).join("") === text && parts.length > 0;
  const ms = parts.reduce((sum, [, digits, unit]) => sum + Number(digits) * (UNIT_MS[unit ?? ""] ?? 0), 0);
  if (whole && ms >= SHORTEST_MS) return ms;
  problems.push(problem("spec.duration", text, "must be a duration of 1h or more", "Write hours, `2160h`"));
  return DURATION_MS;
}
