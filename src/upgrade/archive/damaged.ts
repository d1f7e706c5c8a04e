import { NymvisorError } from "../../model/errors.ts";

/** An archive that cannot be read to its end, or is not what it says it is. */
export class DamagedArchive extends NymvisorError {
  override name = "DamagedArchive";

  constructor(why: string, cause?: unknown) {
    super({ what: "the archive is damaged", why, cause });
  }
}
