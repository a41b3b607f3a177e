import { Role } from "@antiphon/proto/antiphon/identity/v1/identity";
import { ConductorService, Health, type Instance } from "@antiphon/proto/antiphon/mesh/v1/conductor";
import { TrafficPolicySchema } from "@antiphon/proto/antiphon/mesh/v1/policy";
import { toJsonString } from "@bufbuild/protobuf";
import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { describeError, isNotFound } from "../rpc/errors.ts";
import { useSession } from "../session/use-session.ts";
import { counted } from "../ui/cards.tsx";
import { PageHeader } from "../ui/page-header.tsx";
import { Section } from "../ui/section.tsx";
import { EmptyState, ErrorState, RowSkeletons } from "../ui/states.tsx";
import { useTitle } from "../ui/use-title.ts";
import { NotFoundPage } from "./not-found.tsx";
import { useInstances } from "./use-instances.ts";
import "./mesh.css";

/** What runs: every instance of every service, live. For operators; to others the page does not exist. */
export function MeshPage() {
  const { status, listener } = useSession();
  useTitle("Mesh");
  if (status === "unknown") return <RowSkeletons />;
  return listener?.role === Role.OPERATOR ? <Mesh /> : <NotFoundPage />;
}

function Mesh() {
  const { instances, error } = useInstances();
  if (!instances)
    return error ? <ErrorState error={error} onRetry={() => location.reload()} /> : <RowSkeletons />;
  const services = Map.groupBy(instances, ({ service }) => service);
  const well = instances.filter(({ health }) => health === Health.PASSING).length;
  return (
    <>
      <PageHeader kind="Operator" title="Mesh">
        <span>{counted(services.size, "service")}</span>
        <span>{counted(instances.length, "instance")}</span>
        <span>{well === instances.length ? "all well" : `${well} well`}</span>
      </PageHeader>
      {error !== undefined && (
        <p className="mesh-stale" role="alert">
          This is how it was: {describeError(error)}
        </p>
      )}
      {instances.length === 0 && (
        <EmptyState icon="mesh" title="Nothing has registered">
          <p>Instances show up here as soon as Consul knows them.</p>
        </EmptyState>
      )}
      {[...services]
        .toSorted(([a], [b]) => a.localeCompare(b))
        .map(([service, members]) => (
          <Service key={service} name={service} instances={members} />
        ))}
    </>
  );
}

function Service({ name, instances }: { name: string; instances: readonly Instance[] }) {
  return (
    <Section title={name} className="mesh-service">
      <div className="mesh-table">
        <table>
          <thead>
            <tr>
              <th scope="col">Health</th>
              <th scope="col">Instance</th>
              <th scope="col">Version</th>
              <th scope="col">Zone</th>
              <th scope="col">Address</th>
            </tr>
          </thead>
          <tbody>
            {instances
              .toSorted((a, b) => a.id.localeCompare(b.id))
              .map((instance) => (
                <Row key={instance.id} instance={instance} />
              ))}
          </tbody>
        </table>
      </div>
      <Policy service={name} />
    </Section>
  );
}

const HEALTH: Record<Health, { readonly name: string; readonly word: string }> = {
  [Health.UNSPECIFIED]: { name: "unknown", word: "Unknown" },
  [Health.PASSING]: { name: "passing", word: "Well" },
  [Health.WARNING]: { name: "warning", word: "Warning" },
  [Health.CRITICAL]: { name: "critical", word: "Down" },
};

function Row({ instance: { id, version, zone, host, port, health, checkOutput } }: { instance: Instance }) {
  const { name, word } = HEALTH[health];
  const isIll = health !== Health.PASSING;
  return (
    <tr>
      <td>
        <span className={`health ${name}`}>{word}</span>
      </td>
      <th scope="row">
        {id}
        {isIll && checkOutput && <span className="mesh-output">{checkOutput}</span>}
      </th>
      <td>{version}</td>
      <td>{zone}</td>
      <td className="mesh-address">
        {host}:{port}
      </td>
    </tr>
  );
}

/** How calls to the service are steered, asked for when it is opened. */
function Policy({ service }: { service: string }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="mesh-policy" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Traffic policy</summary>
      {open && <PolicyText service={service} />}
    </details>
  );
}

function PolicyText({ service }: { service: string }) {
  const { data, error } = useQuery(
    ConductorService.method.getPolicy,
    { service },
    { retry: false, staleTime: 0 },
  );
  if (error) {
    const text = isNotFound(error) ? "None: calls are made by the defaults." : describeError(error);
    return <p className="quiet">{text}</p>;
  }
  if (!data?.policy) return <p className="quiet">Asking…</p>;
  return <pre>{toJsonString(TrafficPolicySchema, data.policy, { prettySpaces: 2 })}</pre>;
}
