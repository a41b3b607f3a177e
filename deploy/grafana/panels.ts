import type { Section } from "./panel.ts";
import { faults, ours, quantiles, share, sumRate, unary } from "./queries.ts";

const edge = ["job", "dst_service"];

/** The dashboard, in the order of its reading: who is called, who calls whom, what people ask for, and why. */
export const sections: readonly Section[] = [
  {
    title: "Services",
    panels: [
      {
        title: "Calls by service",
        hint: "Answered calls a second, as the service counts them.",
        unit: "reqps",
        main: true,
        queries: [{ expr: sumRate(`grpc_server_handled_total{${ours}}`, ["job"]), by: ["job"] }],
      },
      {
        title: "Faults by service",
        hint: "Share of the answers that blame the server. The budget is 0.1 % in 30 days.",
        unit: "percentunit",
        main: true,
        queries: [share("grpc_server_handled_total", ours, faults, ["job"])],
      },
      {
        title: "Latency by service",
        hint: "p50 and p99 on the server, without the network.",
        unit: "s",
        main: true,
        queries: quantiles("grpc_server_handling_seconds", `${ours},${unary}`, ["job"]),
      },
      {
        title: "Copies that answer",
        hint: "Falls when a copy is away.",
        unit: "short",
        main: true,
        queries: [{ expr: "count by (job) (up == 1)", by: ["job"] }],
      },
    ],
  },
  {
    title: "Edges",
    panels: [
      {
        title: "Calls by edge",
        hint: "Calls a second from one service to another, retries counted once.",
        unit: "reqps",
        main: true,
        queries: [{ expr: sumRate("grpc_client_handled_total", edge), by: edge }],
      },
      {
        title: "Faults by edge",
        hint: "As the caller saw it, after retries. Above the service's own: calls do not arrive.",
        unit: "percentunit",
        main: true,
        queries: [share("grpc_client_handled_total", "", faults, edge)],
      },
      {
        title: "Latency by edge",
        hint: "p50 and p99 as the caller saw it. Above the service's own: network, retries or queues.",
        unit: "s",
        main: true,
        queries: quantiles("grpc_client_handling_seconds", unary, edge),
      },
    ],
  },
  {
    title: "Routes",
    panels: [
      {
        title: "Requests by route",
        hint: "What browsers ask the gateway for.",
        unit: "reqps",
        main: true,
        queries: [{ expr: sumRate("gateway_requests_total", ["route"]), by: ["route"] }],
      },
      {
        title: "Server errors by route",
        hint: "Share of answers with HTTP 5xx.",
        unit: "percentunit",
        queries: [share("gateway_requests_total", "", 'status=~"5.."', ["route"])],
      },
      {
        title: "Latency by route",
        hint: "p50 and p99 at the edge, streams until their end.",
        unit: "s",
        main: true,
        queries: quantiles("gateway_request_seconds", "", ["route"]),
      },
    ],
  },
  {
    title: "Mesh",
    panels: [
      {
        title: "Endpoints by state",
        hint: "As callers see a service. Anything but ready gets no calls.",
        unit: "short",
        main: true,
        queries: [{ expr: "max by (dst_service,state) (mesh_lb_endpoints)", by: ["dst_service", "state"] }],
      },
      {
        title: "Breakers by state",
        hint: "Open: an endpoint fails so often that it is left alone.",
        unit: "short",
        main: true,
        queries: [{ expr: "max by (dst_service,state) (mesh_circuit_state)", by: ["dst_service", "state"] }],
      },
      {
        title: "Retries by edge",
        hint: "Calls sent again a second; a few after a crash, none in peace.",
        unit: "reqps",
        queries: [
          {
            expr: `${sumRate("mesh_retries_total", edge)} or 0 * min by (${edge.join(",")}) (mesh_retry_budget_ratio)`,
            by: edge,
          },
        ],
      },
      {
        title: "Retry budget left",
        hint: "1: untouched. 0: no more retries, so that an outage is not multiplied.",
        unit: "percentunit",
        queries: [{ expr: `min by (${edge.join(",")}) (mesh_retry_budget_ratio)`, by: edge }],
      },
      {
        title: "Ejections by cause",
        hint: "Endpoints left out for what came of their attempts, a second. /debug/mesh of the caller says which.",
        unit: "short",
        queries: [
          { expr: sumRate("mesh_ejections_total", ["dst_service", "cause"]), by: ["dst_service", "cause"] },
        ],
      },
      {
        title: "Policies by state",
        hint: "Callers that follow a traffic policy, or refuse the one that is stored; the rest have the defaults.",
        unit: "short",
        queries: [
          {
            expr: 'sum by (dst_service,state) (mesh_policy_state{state!="default"}) > 0',
            by: ["dst_service", "state"],
          },
        ],
      },
      {
        title: "What policies did",
        hint: "Hedges, mirrored calls, injected faults, and calls whose version had nobody, a second.",
        unit: "reqps",
        queries: [
          {
            expr: sumRate("mesh_policy_actions_total", ["dst_service", "action"]),
            by: ["dst_service", "action"],
          },
        ],
      },
      {
        title: "Age of what discovery knows",
        hint: "Above 35 s: Consul is away, and the last good endpoints are called.",
        unit: "s",
        queries: [{ expr: "max by (job) (mesh_discovery_age_seconds)", by: ["job"] }],
      },
    ],
  },
  {
    title: "Events",
    panels: [
      {
        title: "Events published",
        hint: "A second, by the service that owns them.",
        unit: "reqps",
        main: true,
        queries: [{ expr: sumRate("outbox_published_total", ["job"]), by: ["job"] }],
      },
      {
        title: "Oldest event in an outbox",
        hint: "Grows while NATS is away; nothing is lost by it.",
        unit: "s",
        main: true,
        queries: [{ expr: "max by (job) (outbox_oldest_seconds)", by: ["job"] }],
      },
      {
        title: "Events waiting in an outbox",
        hint: "Committed and not yet published.",
        unit: "short",
        queries: [{ expr: "max by (job) (outbox_pending)", by: ["job"] }],
      },
      {
        title: "Events handled",
        hint: "A second, by consumer and how it went.",
        unit: "reqps",
        queries: [
          {
            expr: sumRate("event_process_seconds_count", ["consumer", "result"]),
            by: ["consumer", "result"],
          },
        ],
      },
      {
        title: "From commit to effect",
        hint: "p50 and p99 of how late a consumer is.",
        unit: "s",
        main: true,
        queries: quantiles("event_e2e_seconds", "", ["consumer"]),
      },
      {
        title: "Events waiting for a consumer",
        hint: "As the broker counts. Rises when a consumer is away or slower than its events.",
        unit: "short",
        queries: [{ expr: "max by (consumer) (jetstream_consumer_num_pending)", by: ["consumer"] }],
      },
      {
        title: "Dead letters",
        hint: "Events that could not be handled; they wait for a replay.",
        unit: "short",
        main: true,
        queries: [{ expr: "max by (consumer) (dlq_messages)", by: ["consumer"] }],
      },
    ],
  },
  {
    title: "Listening",
    panels: [
      {
        title: "Start of music",
        hint: "p50 and p99 from the wish to the first sound, as browsers tell it.",
        unit: "s",
        main: true,
        queries: quantiles("player_start_seconds", "", ["rendition"]),
      },
      {
        title: "Stalls",
        hint: "A second: music stood still because it did not arrive.",
        unit: "reqps",
        main: true,
        queries: [{ expr: sumRate("player_stall_seconds_count", ["rendition"]), by: ["rendition"] }],
      },
      {
        title: "Changes of bitrate",
        hint: "A second, up and down. Many downs: lines, or the gateway, are slow.",
        unit: "reqps",
        queries: [{ expr: sumRate("player_rendition_switches_total", ["direction"]), by: ["direction"] }],
      },
      {
        title: "Tracks given up",
        hint: "A second, by the version of the page.",
        unit: "reqps",
        queries: [{ expr: sumRate("player_playback_errors_total", ["app_version"]), by: ["app_version"] }],
      },
    ],
  },
  {
    title: "Processes",
    panels: [
      {
        title: "Event-loop lag",
        hint: "p99 of the last scrape. Above 0.1 s, deadlines pass by themselves.",
        unit: "s",
        queries: [{ expr: "max by (job) (nodejs_eventloop_lag_p99_seconds)", by: ["job"] }],
      },
      {
        title: "CPU",
        hint: "Cores in use.",
        unit: "short",
        queries: [{ expr: sumRate("process_cpu_seconds_total", ["job"]), by: ["job"] }],
      },
      {
        title: "Memory",
        hint: "Resident, shared pages counted in each.",
        unit: "bytes",
        queries: [{ expr: "sum by (job) (process_resident_memory_bytes)", by: ["job"] }],
      },
    ],
  },
];

/** Every query of the dashboard, for the test that runs each against a live Prometheus. */
export function dashboardQueries(): { title: string; expr: string }[] {
  return sections.flatMap(({ panels }) =>
    panels.flatMap(({ title, queries }) =>
      queries.map(({ expr, prefix }) => ({
        title: prefix === undefined ? title : `${title}, ${prefix}`,
        expr,
      })),
    ),
  );
}
