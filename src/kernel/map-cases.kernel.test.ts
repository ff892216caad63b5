// The same cases as of the embedded machine's maps, on the kernel's.

import { it } from "vitest";
import { mapCases, walkCases } from "../../test/data/map-cases.ts";
import { createMap } from "./maps.ts";

it.each([...mapCases, ...walkCases])("$name", ({ spec, run }) => {
  const map = createMap(spec);
  try {
    run(map);
  } finally {
    map.close();
  }
});
