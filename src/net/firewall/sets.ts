// The named sets of a firewall, with what is in them. Small ones are part of the program; large ones, and those that change, are in a
// map that is asked once for an address: its answer has a bit for each of them.

import type { ReadConfig } from "../../config/index.ts";
import { DiagnosticError } from "../../source/index.ts";
import { type Prefix, readPrefixList } from "./addresses.ts";
import type { RuleSet } from "./rules.ts";

export interface FirewallSet {
  readonly name: string;
  readonly prefixes: readonly Prefix[];
  /** Its bit in what the map answers; absent: it is part of the program. */
  readonly bit?: number;
  /** It may be changed while it is in use. */
  readonly dynamic: boolean;
}

/** Sets that a map can hold: bits of what it answers. */
export const MAP_SETS = 32;
/** Networks that become part of the program, at most. */
const INLINE_4 = 256;
const INLINE_6 = 32;

/**
 * Reads the sets; `file` gives the text of a file by the name that the rules have, and throws where there is none. Throws a
 * DiagnosticError: SCRY1604 for a line that is no network, SCRY1605 for too many sets.
 */
export function resolveSets(
  { value, source, place }: ReadConfig<RuleSet>,
  file: (name: string) => string,
): ReadonlyMap<string, FirewallSet> {
  const made = new Map<string, FirewallSet>();
  let bits = 0;
  for (const [name, given] of value.sets ?? []) {
    let prefixes: readonly Prefix[];
    let dynamic = false;
    if (isList(given)) prefixes = given;
    else if ("dynamic" in given) {
      prefixes = given.networks ?? [];
      dynamic = true;
    } else {
      const column = (given.column ?? 1) - 1;
      const where = given.where === undefined ? undefined : given.where - 1;
      const wanted = new Set(given.is);
      const read = readPrefixList(file(given.file), (columns) =>
        where === undefined || wanted.has(columns[where] ?? "") ? columns[column] : undefined,
      );
      const [first] = read.wrong;
      if (first !== undefined)
        throw new DiagnosticError(
          [
            {
              code: "SCRY1604",
              severity: "error",
              message: `${given.file}:${first.line}: ${first.message}${read.wrong.length > 1 ? `, and ${read.wrong.length - 1} lines more` : ""}`,
              span: place("sets", name),
            },
          ],
          source,
        );
      prefixes = read.prefixes;
    }
    const four = prefixes.reduce((count, { bytes }) => count + (bytes.length === 4 ? 1 : 0), 0);
    const inMap = dynamic || four > INLINE_4 || prefixes.length - four > INLINE_6;
    if (inMap && bits === MAP_SETS)
      throw new DiagnosticError(
        [
          {
            code: "SCRY1605",
            severity: "error",
            message: `More than ${MAP_SETS} sets are large or dynamic`,
            span: place("sets", name),
            hints: ["Put together those that the same rules ask for"],
          },
        ],
        source,
      );
    made.set(name, { name, prefixes, dynamic, ...(inMap ? { bit: bits++ } : {}) });
  }
  return made;
}

const isList = (given: unknown): given is readonly Prefix[] => Array.isArray(given);
