import {
  Codec,
  QualityEventKind,
  ReportQualityRequestSchema,
} from "@antiphon/proto/antiphon/player/v1/player";
import { create } from "@bufbuild/protobuf";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { qualityMetrics } from "./quality.ts";

const { STARTED, STALLED, SWITCHED_UP, SWITCHED_DOWN, FAILED } = QualityEventKind;

function report(
  kind: QualityEventKind,
  more: { bitrateKbps?: number; durationMs?: number; appVersion?: string },
) {
  const { appVersion = "1.0.0", ...event } = more;
  return create(ReportQualityRequestSchema, {
    appVersion,
    events: [{ kind, codec: Codec.OPUS, bitrateKbps: 64, ...event }],
  });
}

async function lines(registry: Registry, pattern: RegExp): Promise<string[]> {
  return (await registry.metrics()).split("\n").filter((line) => pattern.test(line));
}

test("each kind is counted by rendition and version", async () => {
  const registry = new Registry();
  const count = qualityMetrics(registry);
  count(report(STARTED, { durationMs: 120 }));
  count(report(STALLED, { durationMs: 700 }));
  count(report(SWITCHED_UP, { bitrateKbps: 128 }));
  count(report(SWITCHED_DOWN, { bitrateKbps: 24 }));
  count(report(FAILED, {}));
  expect(await lines(registry, /_(sum|total)\{/)).toEqual([
    'player_start_seconds_sum{rendition="opus 64",app_version="1.0.0"} 0.12',
    'player_stall_seconds_sum{rendition="opus 64",app_version="1.0.0"} 0.7',
    'player_rendition_switches_total{rendition="opus 128",app_version="1.0.0",direction="up"} 1',
    'player_rendition_switches_total{rendition="opus 24",app_version="1.0.0",direction="down"} 1',
    'player_playback_errors_total{rendition="opus 64",app_version="1.0.0"} 1',
  ]);
});

test("what browsers make up does not make labels without end", async () => {
  const registry = new Registry();
  const count = qualityMetrics(registry);
  for (let i = 0; i < 100; i++) count(report(FAILED, { bitrateKbps: i, appVersion: `9.${i}` }));
  const made = await lines(registry, /^player_playback_errors_total/);
  expect(made.length).toBeLessThanOrEqual(2 * 9);
  expect(made.some((line) => line.includes('rendition="other",app_version="other"'))).toBe(true);
});
