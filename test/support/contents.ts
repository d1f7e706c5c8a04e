import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** Every folder, file and link below a folder, with its mode: two of them are equal if nothing was changed. */
export function contentsOf(folder: string, below = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(join(folder, below), { withFileTypes: true })) {
    const name = join(below, entry.name);
    const path = join(folder, name);
    const mode = (lstatSync(path).mode & 0o7777).toString(8);
    if (entry.isSymbolicLink()) found[name] = `-> ${readlinkSync(path)}`;
    else if (entry.isDirectory()) Object.assign(found, { [name]: mode }, contentsOf(folder, name));
    else found[name] = `${mode} ${readFileSync(path, "latin1")}`;
  }
  return found;
}
