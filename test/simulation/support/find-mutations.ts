/* Runs a campaign for every mutation, and prints one line of JSON for each: which invariant noticed it, and when. */
import { runCampaign } from "../../../simulation/campaign.ts";
import { mutations } from "../../../simulation/mutations.ts";

const EVENTS = 60_000;

for (const mutation of mutations) {
  const { broken, tally } = await runCampaign({ seed: "broken on purpose", events: EVENTS, mutation });
  const invariant = broken?.outcome.violation?.invariant ?? null;
  process.stdout.write(`${JSON.stringify({ name: mutation.name, invariant, events: tally.steps })}\n`);
}
