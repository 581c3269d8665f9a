import * as grpc from "@grpc/grpc-js";
import { ErrorResourceInitFailed } from "@pulumi/pulumi/proto/provider_pb.js";
import { Status } from "@pulumi/pulumi/proto/status_pb.js";
import { Any } from "google-protobuf/google/protobuf/any_pb.js";
import type { PartialFailureError } from "./model.js";
import { toWire } from "./values.js";

/** An asynchronous function as a unary gRPC handler; what it throws becomes the error that the engine shows. */
export function serve<Request, Response>(
  handler: (request: Request) => Promise<Response>,
): grpc.handleUnaryCall<Request, Response> {
  return (call, callback) => {
    handler(call.request).then(
      (response) => callback(null, response),
      (error: unknown) => callback(toServiceError(error)),
    );
  };
}

/** An error with which the engine keeps the resource in its state: it is there, but not as it should be. */
export function partialFailure(failure: PartialFailureError): Error {
  const detail = new ErrorResourceInitFailed()
    .setId(failure.id)
    .setProperties(toWire(failure.outputs))
    .setReasonsList(failure.reasons);
  const any = new Any();
  any.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const status = new Status().setCode(grpc.status.UNKNOWN).setMessage(failure.message).setDetailsList([any]);
  const metadata = new grpc.Metadata();
  // Details of a status travel in this header: Go's gRPC reads it, and grpc-js has no call for it.
  metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return Object.assign(new Error(failure.message), { metadata });
}

function toServiceError(error: unknown): Partial<grpc.StatusObject> {
  const message = error instanceof Error ? error.message : String(error);
  const metadata = error instanceof Error && "metadata" in error ? error.metadata : undefined;
  return {
    code: grpc.status.UNKNOWN,
    details: message,
    ...(metadata instanceof grpc.Metadata ? { metadata } : {}),
  };
}
