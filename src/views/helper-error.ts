// What is said of a helper that has failed (`-k`).

import { numberName } from "../schema/index.ts";

/** The words for what a helper has answered. */
export function helperErrorText(helper: string, answer: number): string {
  if (helper === "map_lookup_elem") return "Can't lookup map element because it does not exist.";
  if (helper === "map_delete_elem" && answer === -2) return "Can't delete map element because it does not exist.";
  return numberName("errno", answer);
}
