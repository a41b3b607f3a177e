import { type ChannelOptions, connectivityState, experimental, Metadata } from "@grpc/grpc-js";
// Not part of grpc-js's public API; there is no other way to its picker without a server for each endpoint.
import { RoundRobinLoadBalancer } from "@grpc/grpc-js/build/src/load-balancer-round-robin.js";

/** grpc-js's own round robin over so many connections that are all ready. */
export function readyRoundRobin(endpoints: number): () => unknown {
  let picker: experimental.Picker | undefined;
  const helper = {
    createSubchannel: (address: unknown) => readySubchannel(address),
    updateState: (_state: connectivityState, newest: experimental.Picker) => {
      picker = newest;
    },
    requestReresolution() {},
    addChannelzChild() {},
    removeChannelzChild() {},
  };
  const balancer = new RoundRobinLoadBalancer(helper as unknown as experimental.ChannelControlHelper);
  const list = Array.from({ length: endpoints }, (_, index) => ({
    addresses: [{ host: "127.0.0.1", port: index + 1 }],
  }));
  const config = experimental.selectLbConfigFromList([{ round_robin: {} }])!;
  const options: ChannelOptions = {};
  balancer.updateAddressList({ ok: true, value: list }, config, options, "");
  const args = { metadata: new Metadata(), extraPickInfo: {} };
  return () => picker!.pick(args);
}

function readySubchannel(address: unknown) {
  const subchannel = {
    getConnectivityState: () => connectivityState.READY,
    addConnectivityStateListener() {},
    removeConnectivityStateListener() {},
    addHealthStateWatcher() {},
    removeHealthStateWatcher() {},
    isHealthy: () => true,
    startConnecting() {},
    getAddress: () => String(address),
    getChannelzRef: () => ({ kind: "subchannel", id: 0, name: "" }),
    ref() {},
    unref() {},
    realSubchannelEquals: (other: unknown) => other === subchannel,
    getRealSubchannel: () => subchannel,
    throttleKeepalive() {},
    getCallCredentials: () => null,
    getChannel: () => null,
  };
  return subchannel;
}
