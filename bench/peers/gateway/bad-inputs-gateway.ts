import type { Target } from "../../../gateway/testing/bad-input.ts";
import { startEdge } from "../../../gateway/testing/edge.ts";

/** The gateway before services that live in its memory. */
const { front, token } = await startEdge();
const target: Target = {
  http1: front.port,
  http2: front.port,
  token: await token({ id: "lst_bench", operator: false }),
};
process.send?.(target);
