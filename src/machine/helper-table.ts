// Tables of helpers.

import { helperId } from "../object/index.ts";
import type { HelperFunction } from "./runtime.ts";

/** Helpers by the names of the kernel's, without `bpf_`. */
export type HelperTable = { readonly [name: string]: HelperFunction };

/** The same by number. Throws for a name that no helper has, which is a mistake in a table. */
export function byNumber(...tables: readonly HelperTable[]): Map<number, HelperFunction> {
  const map = new Map<number, HelperFunction>();
  for (const table of tables) {
    for (const [name, helper] of Object.entries(table)) {
      const id = helperId(name);
      if (id === undefined) throw new Error(`no helper is called bpf_${name}`);
      map.set(id, helper);
    }
  }
  return map;
}
