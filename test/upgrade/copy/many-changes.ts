import { copyUnderChanges } from "./copy-under-changes.ts";

/** `bun test/upgrade/copy/many-changes.ts <changes in total> [folder] [first seed]`: the property of the tests, at length. */
const [total = "1000000", folder = "/tmp", first = `${Date.now() % 2 ** 31}`] = process.argv.slice(2);
let done = 0;
for (let seed = Number(first); done < Number(total); seed += 1) {
  const { home, copy, changes } = await copyUnderChanges(folder, seed, 60 + (seed % 7) * 60);
  if (!Bun.deepEquals(home, copy)) {
    const names = [...new Set([...Object.keys(home), ...Object.keys(copy)])];
    const wrong = names.filter((name) => !Bun.deepEquals(home[name], copy[name]));
    for (const name of wrong) console.error({ seed, name, home: home[name], copy: copy[name] });
    process.exit(1);
  }
  done += changes;
  if (seed % 20 === 0) console.log(`${done} changes; seed ${seed}; ${Object.keys(home).length} things`);
}
console.log(`${done} changes`);
