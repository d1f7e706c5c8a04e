import { spawnReally, useSpawn } from "../../../src/daemon/spawn.ts";
import { useBulkDisk } from "../../../src/system/bulk-disk.ts";
import { useDisk } from "../../../src/system/disk.ts";
import { useProcessTable } from "../../../src/system/process-table.ts";
import { faultyBulkDisk, faultyDisk } from "./faulty-disk.ts";
import { faultySpawn, faultyTable } from "./faulty-processes.ts";

useDisk(() => faultyDisk);
useBulkDisk(faultyBulkDisk);
useSpawn(() => faultySpawn(spawnReally));
useProcessTable(() => faultyTable);
