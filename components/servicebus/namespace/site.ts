import type * as pulumi from "@pulumi/pulumi";

/** One of the places where a namespace stands: the first, or the second of geo-disaster recovery. */
export interface Site {
  /** Logical name of the namespace, and the beginning of those of what surrounds it. */
  name: string;
  parent: pulumi.Resource;
  resourceGroupName: pulumi.Input<string>;
  location: pulumi.Input<string>;
  /** Tags of whatever takes them; absent for none. */
  tagged: { tags?: { [name: string]: string } };
  /** True for the second namespace of geo-disaster recovery. */
  secondary: boolean;
}
