import { isDecided } from "../policy/recovery.ts";
import { readCurrent } from "./current.ts";
import { readJournal } from "./journal.ts";
import type { StockContext } from "./take-stock.ts";
import { record } from "./transaction.ts";
import { decidedWayBack, recordWayBack } from "./way-back/settle-way-back.ts";

/**
 * Writes the documents that a switch, or a way back, of this very run has left to be written once the daemon runs. The
 * caller holds `upgrade.lock`. Durable when it returns.
 * @returns false where there is no such thing any more: then something else is to be put in order.
 */
export function recordPending(context: StockContext): boolean {
  const { layout } = context;
  const back = decidedWayBack(layout);
  if (back !== undefined) {
    recordWayBack(context, back);
    return true;
  }
  const found = readJournal(layout);
  if (found.state !== "found" || !isDecided(found.value, readCurrent(layout))) return false;
  record(context, { ...found.value, state: "recording" });
  return true;
}
