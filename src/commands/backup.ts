import { backupCreate } from "./backup/create.ts";
import { backupList } from "./backup/list.ts";
import { backupPrune } from "./backup/prune.ts";
import { backupRestore } from "./backup/restore.ts";
import { backupVerify } from "./backup/verify.ts";
import { declareGroup } from "./group.ts";

export const backup = declareGroup({
  name: "backup",
  summary: "Make, list, verify, restore and prune backups of the node's home",
  members: [backupCreate, backupList, backupVerify, backupRestore, backupPrune],
  manual: {
    about:
      "Every upgrade saves the node's home before the new version touches it; these commands show what there is, prove it, and put it back. Plain tar opens a backup as well.",
    examples: [
      { line: "nymvisor backup list", does: "See what there is" },
      { line: "nymvisor backup verify", does: "Read the newest one to its end, and compare it with its manifest" },
      { line: "nymvisor backup restore 2026-11-21-090832737", does: "Put one back" },
      { line: "nymvisor backup restore --help", does: "Each of them has a help of its own" },
    ],
  },
});
