// The certificate library needs the metadata API before it is loaded.
import "reflect-metadata";
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  randomBytes,
  webcrypto,
} from "node:crypto";
import { promisify } from "node:util";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonName,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { type CertificateRequest, KeyAlgorithm, KeyEncoding, type KeyRequest } from "./request.js";

/** Who signs: an authority's certificates, its own first, and its private key; PEM. */
export interface Signer {
  certificates: string;
  key: string;
  /** The authorities that are trusted for it; PEM. @default the self-signed of its certificates */
  authorities: string | undefined;
}

/** What is put into the secret of a Certificate; PEM. */
export interface SignedCertificate {
  /** The certificate, and those between it and the root. */
  chain: string;
  key: string;
  keyDer: Buffer;
  authorities: string;
  notBefore: Date;
  notAfter: Date;
}

/** How an algorithm of WebCrypto signs. */
type SigningAlgorithm = { name: string; hash: string; namedCurve?: string };

const HASH = "SHA-256";
const CURVES: Record<string, string> = { prime256v1: "P-256", secp384r1: "P-384", secp521r1: "P-521" };
const CURVES_BY_SIZE: Record<number, string> = { 256: "prime256v1", 384: "secp384r1", 521: "secp521r1" };

const KEY_USAGES: Record<string, KeyUsageFlags> = {
  signing: KeyUsageFlags.digitalSignature,
  "digital signature": KeyUsageFlags.digitalSignature,
  "content commitment": KeyUsageFlags.nonRepudiation,
  "key encipherment": KeyUsageFlags.keyEncipherment,
  "data encipherment": KeyUsageFlags.dataEncipherment,
  "key agreement": KeyUsageFlags.keyAgreement,
  "cert sign": KeyUsageFlags.keyCertSign,
  "crl sign": KeyUsageFlags.cRLSign,
};
const EXTENDED_USAGES: Record<string, ExtendedKeyUsage> = {
  "server auth": ExtendedKeyUsage.serverAuth,
  "client auth": ExtendedKeyUsage.clientAuth,
  "code signing": ExtendedKeyUsage.codeSigning,
};

/** Usages of certificates that are known here. */
export const KNOWN_USAGES: readonly string[] = [...Object.keys(KEY_USAGES), ...Object.keys(EXTENDED_USAGES)];

/** Makes a private key and a certificate for it, signed by `signer`, or by itself where there is none. */
export async function sign(request: CertificateRequest, signer: Signer | undefined): Promise<SignedCertificate> {
  const privateKey = await makeKey(request.key);
  const publicKey = await importPublic(privateKey);
  const issuers = signer === undefined ? [] : certificatesOf(signer.certificates);
  const signing = signer === undefined ? privateKey : createPrivateKey(signer.key);
  const [notBefore, notAfter] = [new Date(), new Date(Date.now() + request.durationMs)];
  const subject = nameOf(request);
  const issuer = issuers[0];
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    notBefore,
    notAfter,
    subject,
    issuer: issuer?.subject ?? subject,
    publicKey,
    signingKey: await importPrivate(signing),
    signingAlgorithm: algorithmOf(signing),
    extensions: [
      ...extensionsOf(request),
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer?.publicKey ?? publicKey),
    ],
  });
  const between = await notSelfSigned(issuers);
  const roots = issuers.filter((each) => !between.includes(each));
  const own = certificate.toString("pem");
  return {
    chain: pemText([own, ...between.map((each) => each.toString("pem"))]),
    key: keyText(privateKey, request.key),
    keyDer: privateKey.export({ type: "pkcs8", format: "der" }),
    authorities: signer?.authorities ?? pemText(roots.length === 0 ? [own] : roots.map((each) => each.toString("pem"))),
    notBefore,
    notAfter,
  };
}

function certificatesOf(pem: string): X509Certificate[] {
  return PemConverter.decode(pem).map((der) => new X509Certificate(der));
}

async function notSelfSigned(certificates: X509Certificate[]): Promise<X509Certificate[]> {
  const selfSigned = await Promise.all(certificates.map((each) => each.isSelfSigned()));
  return certificates.filter((_each, i) => selfSigned[i] === false);
}

function extensionsOf(request: CertificateRequest): Extension[] {
  const { isCa, usages, dnsNames, ipAddresses } = request;
  const all = isCa ? [...usages, "cert sign"] : usages;
  const flags = all.reduce((sum, usage) => sum | (KEY_USAGES[usage] ?? 0), 0);
  const extended = all.flatMap((usage) => EXTENDED_USAGES[usage] ?? []);
  const names = [
    ...dnsNames.map((value) => ({ type: "dns" as const, value })),
    ...ipAddresses.map((value) => ({ type: "ip" as const, value })),
  ];
  // RFC 5280, 4.2.1.6: where the subject is empty, the alternative names are critical. Java takes no other certificate.
  const nameless = nameOf(request).length === 0;
  return [
    new BasicConstraintsExtension(isCa, undefined, true),
    ...(flags === 0 ? [] : [new KeyUsagesExtension(flags, true)]),
    ...(extended.length === 0 ? [] : [new ExtendedKeyUsageExtension([...new Set(extended)])]),
    ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names, nameless)]),
  ];
}

function nameOf({ commonName, organizations }: CertificateRequest): JsonName {
  return [...(commonName === undefined ? [] : [{ CN: [commonName] }]), ...organizations.map((name) => ({ O: [name] }))];
}

/** 16 random bytes, the first neither zero nor negative. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes.toString("hex");
}

async function makeKey({ algorithm, size }: KeyRequest): Promise<KeyObject> {
  const make = promisify(generateKeyPair);
  const { privateKey } =
    algorithm === KeyAlgorithm.RSA
      ? await make("rsa", { modulusLength: size })
      : await make("ec", { namedCurve: CURVES_BY_SIZE[size] ?? "" });
  return privateKey;
}

function keyText(key: KeyObject, { algorithm, encoding }: KeyRequest): string {
  const old = algorithm === KeyAlgorithm.RSA ? "pkcs1" : "sec1";
  return String(key.export({ type: encoding === KeyEncoding.PKCS8 ? "pkcs8" : old, format: "pem" }));
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): SigningAlgorithm {
  if (asymmetricKeyType === "rsa") return { name: "RSASSA-PKCS1-v1_5", hash: HASH };
  const curve = CURVES[asymmetricKeyDetails?.namedCurve ?? ""];
  if (asymmetricKeyType === "ec" && curve !== undefined) return { name: "ECDSA", namedCurve: curve, hash: HASH };
  throw new Error(`a private key of type ${asymmetricKeyType ?? "unknown"} signs nothing here; use RSA or ECDSA`);
}

function importPrivate(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const der = key.export({ type: "pkcs8", format: "der" });
  return webcrypto.subtle.importKey("pkcs8", der, algorithmOf(key), false, ["sign"]);
}

function importPublic(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const der = createPublicKey(key).export({ type: "spki", format: "der" });
  return webcrypto.subtle.importKey("spki", der, algorithmOf(key), true, ["verify"]);
}

function pemText(parts: string[]): string {
  return parts.map((part) => `${part.trimEnd()}\n`).join("");
}
