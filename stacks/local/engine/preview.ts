/** One step of a preview, as far as it is read here; the rest is in `text`. */
export interface PreviewStep {
  /** `create`, `update`, `delete`, `same`, `replace`, `create-replacement`, `delete-replaced`, `read`. */
  op: string;
  urn: string;
  newState?: { type: string; inputs?: Record<string, unknown>; outputs?: Record<string, unknown> };
  oldState?: { type: string; inputs?: Record<string, unknown>; outputs?: Record<string, unknown> };
  diffReasons?: string[];
  replaceReasons?: string[];
  detailedDiff?: Record<string, { kind: string; inputDiff: boolean }>;
}

/** What `pulumi preview --json` prints. */
export interface PreviewDocument {
  /** As it was printed. */
  text: string;
  steps: PreviewStep[];
  /** Number of resources by operation. */
  changeSummary: Record<string, number>;
  /** What the engine or the program said went wrong, one a line; empty where nothing did. */
  errors: string;
}

/** Reads what the engine printed; undefined where it is no preview (the engine failed before it). */
export function readPreview(text: string): PreviewDocument | undefined {
  const start = text.indexOf("{");
  if (start < 0) return undefined;
  try {
    const read = JSON.parse(text.slice(start)) as Partial<PreviewDocument> & {
      diagnostics?: { message?: string; severity?: string }[];
    };
    const errors = (read.diagnostics ?? []).filter((entry) => entry.severity?.startsWith("error"));
    return {
      text,
      steps: read.steps ?? [],
      changeSummary: read.changeSummary ?? {},
      errors: errors.map((entry) => (entry.message ?? "").trim()).join("\n"),
    };
  } catch {
    return undefined;
  }
}
