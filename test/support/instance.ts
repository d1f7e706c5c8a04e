import { mkdirSync } from "node:fs";
import type { NymvisorEvent } from "../../src/model/events.ts";
import { type Layout, layoutOf } from "../../src/model/paths.ts";
import type { Configuration } from "../../src/model/settings.ts";
import { configurationWith } from "./configuration.ts";
import type { TemporaryHome } from "./temporary-home.ts";

/** An instance with all its folders and nothing in them. */
export interface EmptyInstance {
  configuration: Configuration;
  layout: Layout;
  /** What was said, in order. */
  events: NymvisorEvent[];
  emit(event: NymvisorEvent): void;
  /** The types of what was said. */
  said(): NymvisorEvent["type"][];
}

/** @param node the name of the daemon's home; several may share the upgrade data */
export function emptyInstance(home: TemporaryHome, node = "n1", variables: Record<string, string> = {}): EmptyInstance {
  const daemonHome = home.at("nodes", node);
  const configuration = configurationWith({ DAEMON_HOME: daemonHome, NYMVISOR_ID: node, ...variables });
  const layout = layoutOf(home.path, configuration, home.at("upgrades", "nym-node"));
  for (const folder of [layout.homeNymvisor, layout.instanceData, layout.genesis, layout.upgrades]) {
    mkdirSync(folder, { recursive: true });
  }
  const events: NymvisorEvent[] = [];
  return {
    configuration,
    layout,
    events,
    emit: (event) => void events.push(event),
    said: () => events.map(({ type }) => type),
  };
}
