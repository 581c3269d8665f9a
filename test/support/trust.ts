import * as tls from "node:tls";

/** Has this process trust an authority besides those that it trusts already: the Azure clients have no option for it. */
export function trust(cert: string): void {
  if (!("setDefaultCACertificates" in tls))
    throw new Error("this test needs Node 22.19 or 24.5: tls.setDefaultCACertificates");
  tls.setDefaultCACertificates([...tls.getCACertificates(), cert]);
}
