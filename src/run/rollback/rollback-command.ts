import type { RollbackPlan } from "../../model/render-rollback.ts";
import type { WayBackWish } from "./choose.ts";

export interface RollbackCommand extends WayBackWish {
  /** Only tell what would be done. */
  dryRun: boolean;
  /** Asked before anything is changed; false: leave it. */
  confirm(plan: RollbackPlan): Promise<boolean>;
}
