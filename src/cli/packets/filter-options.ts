// What `scry filter` takes besides `-d`, `-dd` and `-ddd`.

import { type Option, options } from "../options.ts";

export const FILTER_OPTIONS: readonly Option[] = options(
  "count",
  "write",
  "json",
  "limit",
  "interface",
  "netns",
  "rotate",
  "keep",
  "snapshot",
  "promiscuous",
  "process",
  "explain",
  "packet",
  "link-type",
);
