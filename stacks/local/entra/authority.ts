// The certificate library needs the metadata API before it is loaded.
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** Certificate and private key of a server, both in PEM. */
export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate is for. */
export interface CertificateUse {
  /** Names of the server in DNS. @default this machine: localhost, 127.0.0.1 and ::1 */
  names?: string[];
  /** True where its holder proves itself with it as a client, too. @default false */
  client?: boolean;
}

/** Longer than a run lives, in days. */
const VALID_DAYS = 90;
const DAY_MS = 86_400_000;
/** A certificate holds from a little before now on: clocks of one machine are read at different moments. */
const BACKDATED_MS = 300_000;
const KEY = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNING = { ...KEY, hash: "SHA-256" } as const;

/**
 * A certificate authority that lives as long as its process: its private key is made here, stays in memory and is
 * never exported. Whoever is to trust what it signs is given `cert`; nobody else does.
 */
export class CertificateAuthority {
  private constructor(
    private readonly root: X509Certificate,
    private readonly keys: webcrypto.CryptoKeyPair,
    private serial: number,
  ) {}

  /** @param name common name of the authority, for whoever looks at a certificate */
  static async create(name: string): Promise<CertificateAuthority> {
    const keys = await webcrypto.subtle.generateKey(KEY, false, ["sign", "verify"]);
    const root = await X509CertificateGenerator.createSelfSigned({
      ...validity(),
      serialNumber: "01",
      name: `CN=${name}`,
      keys,
      signingAlgorithm: SIGNING,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return new CertificateAuthority(root, keys, 1);
  }

  /** Certificate of the authority in PEM: what a client is told to trust. */
  get cert(): string {
    return this.root.toString("pem");
  }

  /** A certificate for a server. */
  async issue({ names, client = false }: CertificateUse = {}): Promise<ServerCertificate> {
    const keys = await webcrypto.subtle.generateKey(KEY, true, ["sign", "verify"]);
    this.serial += 1;
    const cert = await X509CertificateGenerator.create({
      ...validity(),
      serialNumber: this.serial.toString(16).padStart(4, "0"),
      issuer: this.root.subject,
      subject: `CN=${names?.[0] ?? "localhost"}`,
      publicKey: keys.publicKey,
      signingKey: this.keys.privateKey,
      signingAlgorithm: SIGNING,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        // Authorities of several runs have one name: whoever trusts more than one finds the right one by its key.
        await AuthorityKeyIdentifierExtension.create(this.keys.publicKey),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ...(client ? [ExtendedKeyUsage.clientAuth] : [])]),
        new SubjectAlternativeNameExtension(names?.map((value) => ({ type: "dns", value })) ?? THIS_MACHINE),
      ],
    });
    return { cert: cert.toString("pem"), key: pem(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)) };
  }
}

/** What a server of this machine is called. */
const THIS_MACHINE: JsonGeneralName[] = [
  { type: "dns", value: "localhost" },
  { type: "ip", value: "127.0.0.1" },
  { type: "ip", value: "::1" },
];

function validity(): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - BACKDATED_MS), notAfter: new Date(now + VALID_DAYS * DAY_MS) };
}

function pem(pkcs8: ArrayBuffer): string {
  const lines =
    Buffer.from(pkcs8)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`;
}
