export interface PrometheusConfigOptions {
  /** The conductor's list of targets. */
  readonly targetsUrl: string;
  /** Path of the rules. */
  readonly rules: string;
  /** Where Prometheus itself is reached. */
  readonly self: string;
}

/**
 * `prometheus.yml` in JSON, which is YAML: every process of the mesh is scraped at its admin port.
 * Debian's builds lack `consul_sd`, so the targets come from the conductor; elsewhere
 * `consul_sd_configs: [{server: "…"}]` with the meta key `admin_port` does the same.
 */
export function prometheusConfig({ targetsUrl, rules, self }: PrometheusConfigOptions): string {
  const config = {
    global: { scrape_interval: "5s", scrape_timeout: "4s", evaluation_interval: "5s" },
    rule_files: [rules],
    scrape_configs: [
      { job_name: "antiphon", http_sd_configs: [{ url: targetsUrl, refresh_interval: "5s" }] },
      { job_name: "prometheus", static_configs: [{ targets: [new URL(self).host] }] },
    ],
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
