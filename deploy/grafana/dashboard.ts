import type { Panel, Query, Section } from "./panel.ts";
import { sections } from "./panels.ts";

const columns = 24;
const panelHeight = 8;

/** The dashboard as Grafana imports it; its data source is asked for on import. */
export function grafanaDashboard(): object {
  let y = 0;
  let id = 0;
  const panels = sections.flatMap((section) => {
    const { panels: placed, height } = placeSection(section, y, () => ++id);
    y += height;
    return placed;
  });
  return {
    __inputs: [{ name: "DS_PROMETHEUS", label: "Prometheus", type: "datasource", pluginId: "prometheus" }],
    uid: "antiphon",
    title: "Antiphon",
    tags: ["antiphon"],
    schemaVersion: 39,
    editable: true,
    refresh: "10s",
    time: { from: "now-30m", to: "now" },
    graphTooltip: 1,
    panels,
  };
}

function placeSection({ title, panels }: Section, y: number, nextId: () => number) {
  const perRow = panels.length % 3 === 0 ? 3 : 2;
  const width = columns / perRow;
  const row = {
    id: nextId(),
    type: "row",
    title,
    collapsed: false,
    panels: [],
    gridPos: { x: 0, y, w: columns, h: 1 },
  };
  const placed = panels.map((panel, index) => {
    const gridPos = {
      x: (index % perRow) * width,
      y: y + 1 + Math.floor(index / perRow) * panelHeight,
      w: width,
      h: panelHeight,
    };
    return { id: nextId(), ...timeSeries(panel), gridPos };
  });
  return { panels: [row, ...placed], height: 1 + Math.ceil(panels.length / perRow) * panelHeight };
}

function timeSeries({ title, hint, unit, queries }: Panel) {
  const datasource = { type: "prometheus", uid: `\${DS_PROMETHEUS}` };
  return {
    type: "timeseries",
    title,
    description: hint,
    datasource,
    fieldConfig: {
      defaults: { unit, min: 0, custom: { fillOpacity: 8, showPoints: "never" } },
      overrides: [],
    },
    options: {
      legend: { displayMode: "table", placement: "right", calcs: ["lastNotNull", "max"] },
      tooltip: { mode: "multi", sort: "desc" },
    },
    targets: queries.map((query, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource,
      expr: query.expr,
      legendFormat: legend(query),
    })),
  };
}

function legend({ prefix, by }: Query): string {
  const labels = by.map((label) => `{{${label}}}`).join(" → ");
  return prefix === undefined ? labels : `${prefix} ${labels}`;
}
