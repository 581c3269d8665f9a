import { BinaryReader } from "google-protobuf";

/** Values of attributes. */
export interface DecodedAttributes {
  [name: string]: string | number | boolean;
}

export interface DecodedSpan {
  traceId: string;
  spanId: string;
  /** Empty where it has none. */
  parentSpanId: string;
  name: string;
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number;
  /** Nanoseconds since 1970, to the precision of a number. */
  start: number;
  end: number;
  attributes: DecodedAttributes;
  links: { traceId: string; spanId: string; attributes: DecodedAttributes }[];
  /** 0 unset, 1 ok, 2 error. */
  status: number;
  statusMessage: string;
  traceState: string;
}

export interface DecodedPoint {
  attributes: DecodedAttributes;
  start: number;
  time: number;
  /** Of a sum or a gauge. */
  value?: number;
  /** Of a histogram. */
  count?: number;
  sum?: number;
  bounds?: number[];
  counts?: number[];
}

export interface DecodedMetric {
  name: string;
  description: string;
  unit: string;
  type: "gauge" | "sum" | "histogram";
  /** 2 is cumulative. */
  temporality: number;
  monotonic: boolean;
  points: DecodedPoint[];
}

/** What one request brought. */
export interface DecodedExport {
  resource: DecodedAttributes;
  spans: DecodedSpan[];
  metrics: DecodedMetric[];
}

/** Reads the fields of a message by their numbers, as opentelemetry-proto gives them; the others are passed over. */
function fields(bytes: Uint8Array, by: { [field: number]: (reader: BinaryReader) => void }): void {
  const reader = new BinaryReader(bytes);
  while (reader.nextField()) {
    if (reader.isEndGroup()) break;
    const read = by[reader.getFieldNumber()];
    if (read === undefined) reader.skipField();
    else read(reader);
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function attribute(bytes: Uint8Array, into: DecodedAttributes): void {
  let key = "";
  let value: string | number | boolean = "";
  fields(bytes, {
    1: (r) => {
      key = r.readString();
    },
    2: (r) =>
      fields(r.readBytes() as Uint8Array, {
        1: (v) => {
          value = v.readString();
        },
        2: (v) => {
          value = v.readBool();
        },
        3: (v) => {
          value = v.readInt64();
        },
        4: (v) => {
          value = v.readDouble();
        },
      }),
  });
  into[key] = value;
}

/** A nested message's bytes. */
const nested = (reader: BinaryReader): Uint8Array => reader.readBytes() as Uint8Array;

function resourceOf(bytes: Uint8Array, into: DecodedAttributes): void {
  fields(bytes, { 1: (r) => attribute(nested(r), into) });
}

function linkOf(bytes: Uint8Array): DecodedSpan["links"][number] {
  const link = { traceId: "", spanId: "", attributes: {} };
  fields(bytes, {
    1: (r) => {
      link.traceId = hex(nested(r));
    },
    2: (r) => {
      link.spanId = hex(nested(r));
    },
    4: (r) => attribute(nested(r), link.attributes),
  });
  return link;
}

function spanOf(bytes: Uint8Array): DecodedSpan {
  const span: DecodedSpan = {
    ...{ traceId: "", spanId: "", parentSpanId: "", name: "", kind: 0, start: 0, end: 0 },
    ...{ attributes: {}, links: [], status: 0, statusMessage: "", traceState: "" },
  };
  fields(bytes, {
    1: (r) => {
      span.traceId = hex(nested(r));
    },
    2: (r) => {
      span.spanId = hex(nested(r));
    },
    3: (r) => {
      span.traceState = r.readString();
    },
    4: (r) => {
      span.parentSpanId = hex(nested(r));
    },
    5: (r) => {
      span.name = r.readString();
    },
    6: (r) => {
      span.kind = r.readEnum();
    },
    7: (r) => {
      span.start = r.readFixed64();
    },
    8: (r) => {
      span.end = r.readFixed64();
    },
    9: (r) => attribute(nested(r), span.attributes),
    13: (r) => void span.links.push(linkOf(nested(r))),
    15: (r) =>
      fields(nested(r), {
        2: (s) => {
          span.statusMessage = s.readString();
        },
        3: (s) => {
          span.status = s.readEnum();
        },
      }),
  });
  return span;
}

/** A point of a gauge or sum has its attributes at 7, one of a histogram at 9. */
function pointOf(bytes: Uint8Array, histogram: boolean): DecodedPoint {
  const point: DecodedPoint = { attributes: {}, start: 0, time: 0 };
  const times = {
    2: (r: BinaryReader) => {
      point.start = r.readFixed64();
    },
    3: (r: BinaryReader) => {
      point.time = r.readFixed64();
    },
  };
  fields(
    bytes,
    histogram
      ? {
          ...times,
          4: (r) => {
            point.count = r.readFixed64();
          },
          5: (r) => {
            point.sum = r.readDouble();
          },
          6: (r) => {
            point.counts = r.readPackedFixed64();
          },
          7: (r) => {
            point.bounds = r.readPackedDouble();
          },
          9: (r) => attribute(nested(r), point.attributes),
        }
      : {
          ...times,
          4: (r) => {
            point.value = r.readDouble();
          },
          6: (r) => {
            point.value = r.readSfixed64();
          },
          7: (r) => attribute(nested(r), point.attributes),
        },
  );
  return point;
}

function metricOf(bytes: Uint8Array): DecodedMetric {
  const metric: DecodedMetric = {
    ...{ name: "", description: "", unit: "", type: "gauge", temporality: 0, monotonic: false, points: [] },
  };
  const data = (type: DecodedMetric["type"]) => (r: BinaryReader) => {
    metric.type = type;
    fields(nested(r), {
      1: (p) => void metric.points.push(pointOf(nested(p), type === "histogram")),
      2: (p) => {
        metric.temporality = p.readEnum();
      },
      3: (p) => {
        metric.monotonic = p.readBool();
      },
    });
  };
  fields(bytes, {
    1: (r) => {
      metric.name = r.readString();
    },
    2: (r) => {
      metric.description = r.readString();
    },
    3: (r) => {
      metric.unit = r.readString();
    },
    5: data("gauge"),
    7: data("sum"),
    9: data("histogram"),
  });
  return metric;
}

/** Decodes an `ExportTraceServiceRequest` or an `ExportMetricsServiceRequest`, which have the same shape outside. */
export function decodeExport(bytes: Uint8Array, signal: "traces" | "metrics"): DecodedExport {
  const found: DecodedExport = { resource: {}, spans: [], metrics: [] };
  const item = (r: BinaryReader): void => {
    if (signal === "traces") found.spans.push(spanOf(nested(r)));
    else found.metrics.push(metricOf(nested(r)));
  };
  fields(bytes, {
    1: (r) =>
      fields(nested(r), {
        1: (p) => resourceOf(nested(p), found.resource),
        2: (p) => fields(nested(p), { 2: item }),
      }),
  });
  return found;
}
