import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "./random.ts";

/** What a node's home holds beside the daemon's marks: keys, a store that takes a while to save, a link. */
export function furnish(home: string, random: Random): void {
  mkdirSync(join(home, "data/keys"), { recursive: true });
  mkdirSync(join(home, "data/empty"));
  writeFileSync(join(home, "data/keys/identity.pem"), `${random.hex(64)}\n`, { mode: 0o600 });
  writeFileSync(join(home, "data/store.db"), random.hex(random.pick([2_000, 50_000, 200_000])));
  symlinkSync("store.db", join(home, "data/latest"));
}
