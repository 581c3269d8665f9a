/**
 * What is done on the volume, as `stowage_store_call_seconds` and the spans name it: all values that the label takes.
 * What a job prints is written while it runs and is part of its time; `publish` is what makes it durable.
 */
export const GlusterOperation = {
  /** Reads the manifest of an earlier delivery. */
  Find: "find",
  /** Makes the file that the output goes to. */
  Stage: "stage",
  /** Syncs the result, moves it into place and links its manifest. */
  Publish: "publish",
  /** After a redelivery: removes what runs of the same message left that ended early. */
  Tidy: "tidy",
} as const;
export type GlusterOperation = (typeof GlusterOperation)[keyof typeof GlusterOperation];
