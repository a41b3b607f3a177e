import { serveIdle } from "./measure-idle.ts";
import { stockCall } from "./stock-call.ts";

/** A stock grpc-js client with round robin, and nothing that pings. */
let call: () => Promise<unknown>;
serveIdle({
  connect(addresses) {
    call = stockCall(`ipv4:${addresses}`, {
      "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    });
    // It connects on its first call.
    call().catch(() => {});
  },
  observe() {},
  call: () => call(),
});
