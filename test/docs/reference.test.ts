import { describe, expect, test } from "vitest";
import { filesOf, readPage, readText, sectionOf, tableRows } from "./markdown.ts";

// The lists of docs/operations.md against the code: nothing is missing, nothing is made up.
const operations = readPage("docs/operations.md");

const sources = filesOf("{mesh,services,gateway,deploy,bench,test,web}/**/*.{ts,tsx}").filter(
  (path) => !/\.(test|fixture)\.ts$|^test\/docs\//.test(path),
);

/** Unlike the results of events, which stand in the same section. */
const METRIC = /^(?!dead_letter)[a-z]+_[a-z0-9_]+$/;

/** What stands in the code, by what captures it. */
function inCode(pattern: RegExp, where: (path: string) => boolean = () => true): string[] {
  const found = sources.filter(where).flatMap((path) => [...readText(path).matchAll(pattern)]);
  return unique(found.map((match) => match[1]!));
}

/** The first cells of a section's tables, where they are one name in code marks. */
function documented(heading: string, pattern: RegExp): string[] {
  const names = tableRows(sectionOf(operations, heading)).map(([cell = ""]) => cell.replaceAll("`", ""));
  return unique(names.filter((name) => pattern.test(name)));
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}

test("every metric is documented, and every documented one exists", () => {
  const registered = /(?:\bname:|\b(?:counter|gauge|histogram)\()\s*"([a-z][a-z0-9]*(?:_[a-z0-9]+)+)"/g;
  const metrics = inCode(registered, (path) => /prom-client|lean-metrics/.test(readText(path)));
  expect(metrics.length).toBeGreaterThan(20);
  expect(documented("Metrics", METRIC)).toEqual(metrics);
});

test("every variable is documented, and every documented one is read", () => {
  expect(documented("Configuration", /^ANTIPHON_/)).toEqual(inCode(/\b(ANTIPHON_[A-Z0-9_]+)\b/g));
});

test("every alert is documented with its severity, and every documented one exists", () => {
  const rules = readText("deploy/prometheus/rules.yml");
  const alerts = [...rules.matchAll(/- alert: (\w+)[\s\S]*?severity: (\w+)/g)].map((match) => match.slice(1));
  const rows = tableRows(sectionOf(operations, "Alerts")).map(([alert = "", severity]) => [
    alert.replaceAll("`", ""),
    severity,
  ]);
  expect(rows.filter(([alert = ""]) => /^[A-Z][a-z]+[A-Z]/.test(alert))).toEqual(alerts);
});

test("the metrics that rules and dashboards ask for exist", () => {
  const asked = `${readText("deploy/prometheus/rules.yml")}\n${readText("deploy/grafana/panels.ts")}`;
  const names = [
    ...asked.matchAll(/(?<![:\w])(?:grpc|mesh|gateway|outbox|event|inbox|dlq|player)_[a-z0-9_]+\b/g),
  ];
  const labels = ["grpc_service", "grpc_code"];
  const known = new Set([...documented("Metrics", METRIC), ...labels]);
  const unknown = names
    .map(([name]) => name.replace(/_(bucket|count|sum)$/, ""))
    .filter((name) => !known.has(name));
  expect(unknown).toEqual([]);
});

test.each(["src", "src/events", "src/grpc-js", "testing"])(
  "the mesh's README names what %s exports",
  (folder) => {
    const lists = readText(`mesh/${folder}/index.ts`).replace(/\/\/.*/g, "");
    const values = [...lists.matchAll(/export (?:function (\w+)|\{([^}]*)\})/g)].flatMap(
      ([, name, list = ""]) =>
        name
          ? [name]
          : list
              .split(",")
              .map((each) => each.trim())
              .filter((each) => /^\w+$/.test(each)),
    );
    const readme = readText("mesh/README.md");
    expect(values.length).toBeGreaterThan(0);
    expect(values.filter((name) => !readme.includes(`\`${name}`))).toEqual([]);
  },
);

describe.each(filesOf("services/*/src/config.ts").map((path) => path.split("/")[1]!))("%s", (service) => {
  const readme = readText(`services/${service}/README.md`);

  test("its README names every call that it serves", () => {
    const serves = [...readText(`services/${service}/src/build.ts`).matchAll(/\bserve\(\s*(\w+)Service,/g)];
    const own = serves.map((match) => `${match[1]}Service`).filter((name) => name !== "MediaService");
    const contracts = filesOf("proto/antiphon/**/*.proto").map(readText);
    const calls = own.flatMap((name) => {
      const body = contracts.map(
        (text) => new RegExp(`^service ${name} \\{([\\s\\S]*?)^\\}`, "m").exec(text)?.[1],
      );
      return [...body.join("").matchAll(/^ {2}rpc (\w+)\(/gm)].map((match) => match[1]!);
    });
    expect(calls.length).toBeGreaterThan(0);
    expect(calls.filter((call) => !new RegExp(`\\b${call}\\b`).test(readme))).toEqual([]);
  });
});

test.each(filesOf("{gateway,mesh,services/*}/src/config.ts"))(
  "a README names every variable of %s",
  (config) => {
    const readme = readText(config.replace("src/config.ts", "README.md"));
    const variables = [...readText(config).matchAll(/\bANTIPHON_[A-Z_]+/g)].map(([name]) => name);
    expect(variables.filter((name) => !readme.includes(name))).toEqual([]);
  },
);
