export { type Backing, backing, freshDatabase, type TestDatabase } from "./backing.ts";
export { echoService } from "./echo.ts";
export { ManualClock } from "./manual-clock.ts";
export {
  startMesh,
  type TestClientOptions,
  type TestMesh,
  type TestMeshOptions,
  type TestService,
} from "./test-mesh.ts";
export { type UntilOptions, until } from "./until.ts";
