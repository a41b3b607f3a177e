import { createMeshTransport, LoadGuard, systemClock } from "@antiphon/mesh";
import { MediaService } from "@antiphon/proto/antiphon/media/v1/media";
import { EchoService } from "@antiphon/proto/antiphon/mesh/v1/echo";
import { Access, MethodSemanticsSchema } from "@antiphon/proto/antiphon/options/v1/options";
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { pino } from "pino";
import { Registry } from "prom-client";
import { addressOf } from "../../../gateway/src/address.ts";
import { admission } from "../../../gateway/src/admission.ts";
import { MAX_MESSAGE_BYTES } from "../../../gateway/src/calls.ts";
import { readContracts } from "../../../gateway/src/contracts/routes.ts";
import { callsOf, edgeHandler } from "../../../gateway/src/edge.ts";
import { type NodeRequest, openFront } from "../../../gateway/src/front.ts";
import { getCache } from "../../../gateway/src/get-cache.ts";
import { guesses } from "../../../gateway/src/limits/guesses.ts";
import { loadShedder } from "../../../gateway/src/limits/load-shedder.ts";
import { defaultRates, rateLimits } from "../../../gateway/src/limits/rate-limits.ts";
import { mediaRoute } from "../../../gateway/src/media.ts";
import { strictMetadata } from "../../../gateway/src/metadata.ts";
import { objectCache } from "../../../gateway/src/object-cache.ts";
import { cors } from "../../../gateway/src/session/cors.ts";
import { edgeTelemetry } from "../../../gateway/src/telemetry.ts";
import { batch, exported, list } from "./messages.ts";
import { serveUsage } from "./serve-usage.ts";

/** The gateway as it is in production, every limit on, but for one address that may call without end. */
const transport = createMeshTransport({ target: `static:///127.0.0.1:${process.argv[2]}` });
const monotonic = () => performance.now();
const contracts = readContracts();
const endless = { perSecond: 1e9, burst: 1e9 };
const rates = Object.fromEntries(
  Object.keys(defaultRates).map((rateClass) => [rateClass, { listener: endless, address: endless }]),
) as typeof defaultRates;
const semantics = create(MethodSemanticsSchema, { access: Access.PUBLIC });
const { echo, echoStream } = EchoService.method;
const routes = [batch, list, exported, echo, echoStream].map((method) => ({
  method,
  semantics,
  service: "catalog",
}));
const calls = {
  contracts,
  admission: admission({
    sessions: { authenticate: async () => undefined },
    limits: rateLimits(monotonic, rates),
    shedder: loadShedder(
      new LoadGuard({ log: pino({ level: "silent" }), metrics: new Registry(), clock: systemClock }),
    ),
    ownOrigins: new Set(),
  }),
  guesses: guesses(monotonic),
  addressOf: (request: NodeRequest) => addressOf(request, false),
  transport: () => transport,
  metadata: strictMetadata,
  getCache: getCache({ maxBytes: 1_048_576, metrics: new Registry() }),
  monotonic,
  maxMessageBytes: MAX_MESSAGE_BYTES,
  untimedMs: undefined,
  signal: new AbortController().signal,
};
const handler = edgeHandler({
  calls: callsOf({ ...calls, routes, secureCookies: false }),
  cors: cors(new Set()),
  media: mediaRoute({
    owners: new Map([["catalog", createClient(MediaService, transport)]]),
    cache: objectCache({ maxBytes: 67_108_864, metrics: new Registry() }),
    mediaKey: "a key of thirty-two characters..",
    now: Date.now,
  }),
  page: undefined,
  telemetry: edgeTelemetry({ metrics: new Registry(), log: pino({ level: "warn" }), monotonic }),
});
const front = await openFront(handler, { host: "127.0.0.1", port: 0 });
serveUsage(front.port);
