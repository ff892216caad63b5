// A helper of this machine: it takes its arguments from the runtime, checks every pointer among them, and gives r0.

import { helperId } from "../object/index.ts";
import type { Runtime } from "./runtime.ts";

/** `"end"`: the program ends here (a tail call has left its answer in r0). A number is sign-extended. */
export type Helper = (runtime: Runtime) => number | bigint | "end";

/** Helpers by the names of the kernel's, without `bpf_`. */
export type HelperTable = { readonly [name: string]: Helper };

/** The same by number. Throws for a name that no helper has, which is a mistake in a table. */
export function byNumber(...tables: readonly HelperTable[]): Map<number, Helper> {
  const map = new Map<number, Helper>();
  for (const table of tables) {
    for (const [name, helper] of Object.entries(table)) {
      const id = helperId(name);
      if (id === undefined) throw new Error(`no helper is called bpf_${name}`);
      map.set(id, helper);
    }
  }
  return map;
}
