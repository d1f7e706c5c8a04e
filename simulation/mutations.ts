import type { Child } from "../src/daemon/spawn.ts";
import type { Services } from "../src/run/services.ts";
import type { Disk } from "../src/system/disk.ts";
import type { Invariant } from "./invariants.ts";
import type { SimulatedProcess } from "./processes.ts";
import type { World } from "./world.ts";

/** A deliberate break of what the real code does, laid over its seams. */
export interface Mutation {
  name: string;
  /** One of these is broken by it. */
  breaks: readonly Invariant[];
  disk?: (world: World, process: SimulatedProcess, disk: Disk) => Partial<Disk>;
  services?: (world: World, services: Services) => Services;
  child?: (child: Child) => Child;
  world?: (world: World) => void;
}
