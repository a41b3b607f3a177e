import type { DescService } from "@bufbuild/protobuf";
import { createServiceImplSpec, type ServiceImpl } from "@connectrpc/connect";

type ServiceImplSpec = ReturnType<typeof createServiceImplSpec>;

/** A gRPC service with its handlers, ready to be hosted. Made by `serve`. */
export interface Served {
  readonly service: DescService;
  readonly methods: ServiceImplSpec["methods"];
}

/** Pairs a service of a contract with its handlers, in Connect's programming model. */
export function serve<S extends DescService>(service: S, impl: ServiceImpl<S>): Served {
  return createServiceImplSpec(service, impl);
}
