import { EchoRequestSchema } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { create } from "@bufbuild/protobuf";

/** What every client sends: about 100 bytes. */
export const request = create(EchoRequestSchema, { text: "x".repeat(100), numbers: [1n, 2n, 3n] });
