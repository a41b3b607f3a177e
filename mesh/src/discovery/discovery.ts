/** One running copy of a service, as discovery sees it. */
export interface EndpointInfo {
  /** Unique in the mesh, stable as long as the process lives. */
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly version: string;
  readonly zone: string;
  /** Relative share of traffic, 1 by default. */
  readonly weight: number;
  /** What its checks say; `passing` where discovery does not know. An endpoint that fails them is not told of. */
  readonly health?: "passing" | "warning";
  /** Stands for its contracts (`contractDigest`); undefined where it offers no reflection. */
  readonly contract?: string | undefined;
}

export interface Watch {
  close(): void;
}

/** Finds the endpoints of a service and follows their changes. */
export interface Discovery {
  /**
   * Calls `onEndpoints` with the healthy endpoints once they are known and at each change after.
   * Never with the same set twice, never with an empty set after a full one because the source is
   * away: the last good endpoints are kept.
   */
  watch(service: string, onEndpoints: (endpoints: readonly EndpointInfo[]) => void): Watch;
}

/** Finds the services that offer reflection, and follows which there are. */
export interface ServiceCatalog {
  /** Calls `onServices` once they are known and at each change after, never before it returns. */
  watchServices(onServices: (services: readonly string[]) => void): Watch;
}

export type MeshDiscovery = Discovery & ServiceCatalog;

/** What an instance tells the registry of itself. */
export interface Registration {
  readonly id: string;
  readonly service: string;
  readonly host: string;
  readonly port: number;
  /** Where `/readyz`, `/metrics` and `/debug/mesh` are served. */
  readonly adminPort: number;
  readonly version: string;
  readonly zone: string;
  /** Stands for the contracts that it tells by reflection; undefined where it does not. */
  readonly contract?: string | undefined;
}

export interface Registrar {
  /** Registers, and keeps it registered when the registry forgets it, until `deregister`. */
  register(registration: Registration): Promise<void>;
  deregister(id: string): Promise<void>;
}
