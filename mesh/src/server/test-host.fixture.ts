import { pino } from "pino";
import { Registry } from "prom-client";
import { onTestFinished } from "vitest";
import { systemClock } from "../clock.ts";
import { newIdentityKeys, readPrivateKey, readPublicKeys } from "../identity/identity-keys.ts";
import { identitySigner, identityVerifier } from "../identity/listener-proof.ts";
import { GrpcHost } from "./host.ts";
import type { LoadGuardOptions } from "./load-guard.ts";
import type { Served } from "./served.ts";
import { StockClient } from "./stock-client.fixture.ts";

export interface TestHost {
  readonly host: GrpcHost;
  readonly port: number;
  readonly client: StockClient;
  readonly metrics: Registry;
  /** Log lines so far. */
  readonly lines: Record<string, unknown>[];
  /** The value of one series, 0 where there is none. */
  value(metric: string, labels: Record<string, string>): Promise<number>;
}

const keys = newIdentityKeys();
const identity = identityVerifier(readPublicKeys(keys.publicKey), systemClock.now);
const signer = identitySigner(readPrivateKey(keys.privateKey), systemClock.now);

/** The metadata in which a gateway names a listener to these hosts. */
export function namedListener(
  id: string,
  role: "listener" | "operator" = "listener",
): Record<string, string> {
  const { token } = signer.sign({ id, operator: role === "operator" });
  return { "antiphon-listener": id, "antiphon-role": role, "antiphon-proof": token };
}

/** A host with a stock client, gone when the test is over. */
export function hostOf(...served: Served[]): Promise<TestHost> {
  return limitedHostOf(undefined, ...served);
}

/** The same with limits of its own. */
export async function limitedHostOf(
  overload: LoadGuardOptions | undefined,
  ...served: Served[]
): Promise<TestHost> {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: "debug", base: null }, { write: (line) => void lines.push(JSON.parse(line)) });
  const metrics = new Registry();
  const host = new GrpcHost({ log, metrics, clock: systemClock, overload, identity });
  for (const part of served) host.add(part);
  const port = await host.listen("127.0.0.1", 0);
  const client = new StockClient(port);
  onTestFinished(() => {
    client.close();
    host.kill();
  });
  return {
    host,
    port,
    client,
    metrics,
    lines,
    async value(metric, labels) {
      const series = (await metrics.getSingleMetric(metric)?.get())?.values ?? [];
      const wanted = Object.entries(labels);
      const found = series.find((one) => wanted.every(([name, value]) => one.labels[name] === value));
      return found?.value ?? 0;
    },
  };
}
