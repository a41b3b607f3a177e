import { type ReflectedContracts, serviceNameOf } from "@antiphon/mesh";
import {
  AccessSchema,
  type MethodSemantics,
  method as methodOption,
  PrioritySchema,
  RateClassSchema,
} from "@antiphon/proto/antiphon/options/v1/options";
import {
  createFileRegistry,
  type DescEnum,
  type DescMethod,
  type DescService,
  type FileRegistry,
  getOption,
} from "@bufbuild/protobuf";
import { type Duration, durationMs, MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { isReachable, type Route } from "./routes.ts";

/** What one service lets browsers call. */
export interface Offer {
  /** Its name in Consul. */
  readonly service: string;
  /** Its contracts with all that they import. */
  readonly contracts: FileRegistry;
  readonly routes: readonly Route[];
  /** Packages that are its own. */
  readonly packages: ReadonlySet<string>;
}

/** Contracts that must not become routes; the message names every fault. */
export class ContractRefused extends Error {
  override readonly name = "ContractRefused";
}

/** What a gateway knows of each service from its own build. Internal services claim their packages, too. */
export function builtOffers(contracts: FileRegistry): Offer[] {
  const byService = Map.groupBy(servicesOf(contracts), serviceNameOf);
  return [...byService].map(([service, services]) => offerOf(service, contracts, services));
}

/**
 * Reads what a service tells of itself.
 * Throws `ContractRefused` where it is no valid contract, an option has a value that this gateway does not
 * know, or what it declares belongs to another service.
 *
 * @param others the offers of all other services
 * @param own what this service was allowed before: a package that is shared from the start stays so
 */
export function readOffer(
  service: string,
  { files, services }: ReflectedContracts,
  others: readonly Offer[],
  own: Offer | undefined,
): Offer {
  let contracts: FileRegistry;
  try {
    contracts = createFileRegistry(files);
  } catch (error) {
    throw new ContractRefused(`no valid contract: ${error instanceof Error ? error.message : error}`);
  }
  const declared = services.map((name) => contracts.getService(name) ?? name);
  const faults = declared.flatMap((desc) =>
    typeof desc === "string" ? [`${desc}: is listed and not declared`] : desc.methods.flatMap(faultsOf),
  );
  if (faults.length > 0) throw new ContractRefused(faults.join("; "));
  const reachable = declared.filter(
    (desc): desc is DescService =>
      typeof desc !== "string" && desc.methods.some((method) => isReachable(semanticsOf(method).access)),
  );
  faults.push(...reachable.flatMap((desc) => conflictsOf(service, desc, others, own)));
  if (faults.length > 0) throw new ContractRefused(faults.join("; "));
  return offerOf(service, contracts, reachable);
}

function offerOf(service: string, contracts: FileRegistry, services: readonly DescService[]): Offer {
  const methods = services.flatMap(({ methods }) => methods);
  const routes = methods.map((method) => ({ method, semantics: semanticsOf(method), service }));
  return {
    service,
    contracts,
    routes: routes.filter(({ semantics }) => isReachable(semantics.access)),
    packages: new Set(services.map(({ file }) => file.proto.package)),
  };
}

function servicesOf(contracts: FileRegistry): DescService[] {
  return [...contracts].filter((desc): desc is DescService => desc.kind === "service");
}

function semanticsOf(method: DescMethod): MethodSemantics {
  return getOption(method, methodOption);
}

function faultsOf(method: DescMethod): string[] {
  const name = `${method.parent.typeName}/${method.name}`;
  let semantics: MethodSemantics;
  try {
    semantics = semanticsOf(method);
  } catch {
    return [`${name}: its options cannot be read`];
  }
  const { access, priority, rateClass, timeout, cacheMaxAge } = semantics;
  return [
    ...unknownValue("access", AccessSchema, access),
    ...unknownValue("priority", PrioritySchema, priority),
    ...unknownValue("rate_class", RateClassSchema, rateClass),
    ...negative("timeout", timeout),
    ...negative("cache_max_age", cacheMaxAge),
    ...(cacheMaxAge && method.idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS
      ? ["cache_max_age: is for calls with idempotency_level NO_SIDE_EFFECTS only"]
      : []),
  ].map((fault) => `${name}: ${fault}`);
}

function unknownValue(option: string, desc: DescEnum, value: number): string[] {
  if (desc.value[value]) return [];
  return [`${option}: is ${value}, known are ${desc.values.map(({ name }) => name).join(", ")}`];
}

function negative(option: string, duration: Duration | undefined): string[] {
  return duration && durationMs(duration) <= 0 ? [`${option}: must be more than 0`] : [];
}

function conflictsOf(
  service: string,
  desc: DescService,
  others: readonly Offer[],
  own: Offer | undefined,
): string[] {
  const { typeName } = desc;
  const named = serviceNameOf(desc);
  if (named !== service) return [`${typeName}: is ${named}'s by its contract`];
  const claims = ({ routes }: Offer) => routes.some(({ method }) => method.parent.typeName === typeName);
  const claiming = others.find(claims);
  if (claiming) return [`${typeName}: is served by ${claiming.service} already`];
  const pkg = desc.file.proto.package;
  if (own?.packages.has(pkg)) return [];
  const owner = others.find(({ packages }) => packages.has(pkg));
  return owner ? [`${typeName}: package ${pkg} belongs to ${owner.service}`] : [];
}
