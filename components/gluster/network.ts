import { range } from "../support/cidr.js";

/** Ports of the management daemon, and of bricks: one each, from 49152 upwards. */
export const GLUSTER_PORTS = { management: "24007-24008", bricks: "49152-49251", ssh: "22" };

/** One inbound rule, in the words of Azure. */
export interface InboundRule {
  name: string;
  description: string;
  priority: number;
  access: "Allow" | "Deny";
  protocol: "Tcp" | "*";
  sources: string[];
  ports: string;
}

/** Who may reach the hosts: what is listed here, and nothing else. */
export interface Reach {
  storageCidr: string;
  clientCidrs: string[];
  sshCidrs?: string[];
}

/** Each range once, without those that lie in another: Azure refuses a rule whose ranges overlap. */
function widest(ranges: string[]): string[] {
  const within = (inner: string, outer: string) => {
    const [a, b] = [range(inner), range(outer)];
    return a !== undefined && b !== undefined && a.first >= b.first && a.last <= b.last;
  };
  const unique = [...new Set(ranges)];
  return unique.filter((inner) => !unique.some((outer) => outer !== inner && within(inner, outer)));
}

/**
 * The inbound rules of the hosts. The last refuses everything else: Azure's own default would let in the whole
 * virtual network and whatever is peered with it.
 */
export function inboundRules({ storageCidr, clientCidrs, sshCidrs = [] }: Reach): InboundRule[] {
  const volumes = widest([storageCidr, ...clientCidrs]);
  const rules: InboundRule[] = [
    {
      name: "gluster-management",
      description: "glusterd: volume information for clients, peers for hosts",
      priority: 100,
      access: "Allow",
      protocol: "Tcp",
      sources: volumes,
      ports: GLUSTER_PORTS.management,
    },
    {
      name: "gluster-bricks",
      description: "bricks: one port each, the first 100 of their range",
      priority: 110,
      access: "Allow",
      protocol: "Tcp",
      sources: volumes,
      ports: GLUSTER_PORTS.bricks,
    },
  ];
  if (sshCidrs.length > 0)
    rules.push({
      name: "ssh",
      description: "administration by key",
      priority: 120,
      access: "Allow",
      protocol: "Tcp",
      sources: widest(sshCidrs),
      ports: GLUSTER_PORTS.ssh,
    });
  rules.push({
    name: "deny-all-else",
    description: "instead of Azure's default, which lets in the whole virtual network",
    priority: 4096,
    access: "Deny",
    protocol: "*",
    sources: ["*"],
    ports: "*",
  });
  return rules;
}
