// The maps that firewalls may have, by their names: what whoever opens one again holds it against.

import type { MapSpec } from "../../object/index.ts";
import { blockedMap, flowMap, limitMap } from "./conditions.ts";
import { counterMap } from "./counters.ts";
import { guardMap } from "./guard.ts";
import { networks4Map, networks6Map } from "./networks.ts";
import { answerMap } from "./reject.ts";
import { sampleMap } from "./samples.ts";
import { controlMap, previousMap } from "./trial.ts";

/** Without `valueSize`: values of any size. */
export type FirewallMap = Pick<MapSpec, "name" | "type" | "keySize"> & { readonly valueSize?: number };

export const FIREWALL_MAPS: ReadonlyMap<string, FirewallMap> = new Map(
  (
    [
      counterMap(0),
      flowMap,
      blockedMap,
      limitMap,
      guardMap,
      answerMap,
      sampleMap,
      controlMap,
      previousMap,
      networks4Map,
      networks6Map,
    ] satisfies FirewallMap[]
  ).map((map) => [map.name, map]),
);
