// What `scry filter` takes besides `-d`, `-dd` and `-ddd`.

import { type Option, options, UsageError } from "../options.ts";

/** How `--explain` shows a filter. */
const FORMAT: Option = {
  ...(options("format")[0] as Option),
  values: ["tree", "table", "dot", "mermaid"],
  refusal: (value) =>
    new UsageError(`--format takes tree, table, dot or mermaid, not '${value}'`, [
      "With --explain: how the filter is shown",
    ]),
  help: "with --explain: a tree, a table (of a packet, its way alone), or text for Graphviz (dot) or Mermaid",
  example: "scry filter --explain --format dot 'tcp port 443' | dot -Tsvg > filter.svg",
};

export const FILTER_OPTIONS: readonly Option[] = [
  ...options(
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
  ),
  FORMAT,
];
