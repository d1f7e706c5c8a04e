/*
 * Asks a node on 127.0.0.1 every few milliseconds, whatever became of the question before, and writes down at its end how
 * long each answer took: `[[milliseconds since 1970, milliseconds], …]`.
 */
import { writeFileSync } from "node:fs";

const EVERY_MS = 4;

const [port, path = "latencies.json"] = process.argv.slice(2);
const url = `http://127.0.0.1:${port}/api/v1/health`;
const answers: [at: number, took: number][] = [];
let going = true;
process.on("SIGTERM", () => {
  going = false;
});

async function ask(): Promise<void> {
  const at = performance.now();
  try {
    const response = await fetch(url);
    await response.arrayBuffer();
  } catch {
    // The node has ended; what it answered before counts.
    return;
  }
  answers.push([performance.timeOrigin + at, performance.now() - at]);
}

for (let due = performance.now(); going; due += EVERY_MS) {
  const early = due - performance.now();
  if (early > 0) await Bun.sleep(early);
  void ask();
}
writeFileSync(path, JSON.stringify(answers));
process.exit(0);
