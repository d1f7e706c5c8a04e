import type { Announcement } from "../upstream/sources.ts";
import type { AnnouncementIntake } from "./announcement-intake.ts";
import type { PolledSource } from "./poller.ts";

/** A source that announces one upgrade at a time, as something to poll. */
export function announcementSource(
  name: string,
  askSource: () => Promise<Announcement | null>,
  intake: AnnouncementIntake,
): PolledSource {
  let last: Announcement | null = null;
  return {
    name,
    async ask() {
      last = await askSource();
      return last !== null && (await intake.take(last, true));
    },
    // What people want may have changed: it is taken again, by what they want now.
    async review() {
      if (last !== null) await intake.take(last, false);
    },
    next: () => null,
  };
}
