import { resolveConfiguration } from "../../src/model/configuration.ts";
import type { Configuration } from "../../src/model/settings.ts";

/** The configuration of a new instance whose settings are given by their variables' names. */
export function configurationWith(variables: Readonly<Record<string, string>>): Configuration {
  const sources = {
    file: null,
    environment: variables,
    flags: new Map(),
    workingDirectory: "/work",
    daemonName: "nym-node",
  };
  return resolveConfiguration(sources).configuration;
}
