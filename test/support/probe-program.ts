/*
 * Compiled by tests in place of nymvisor: a program that shows what its runtime's environment does to it. It asks the
 * addresses among its arguments, starts a child, and prints what it sees.
 */
export {};

const answers: string[] = [];
for (const url of process.argv.slice(2)) {
  try {
    answers.push(await (await fetch(url, { headers: { authorization: "Bearer secret" } })).text());
  } catch (error) {
    answers.push(String((error as { code?: string }).code));
  }
}
const child = Bun.spawnSync(["/bin/echo", "child"]).stdout.toString().trim();
process.stdout.write(
  `${JSON.stringify({ answers, child, execArgv: process.execArgv, fromDotEnv: process.env.FROM_DOT_ENV ?? null })}\n`,
);
