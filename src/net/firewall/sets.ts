// The named sets of a firewall, with what is in them. Small ones are part of the program; large ones, and those that change, are in a
// map that is asked once for an address: its answer has a bit for each of them.

import type { ReadConfig } from "../../config/index.ts";
import { DiagnosticError, type Prefix } from "../../source/index.ts";
import { readPrefixList } from "./addresses.ts";
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
 * Reads the sets; `file` gives the text of a file by the name that the rules have, and throws where there is none; absent: there are
 * no files here. Throws a DiagnosticError: SCRY1604 for a line that is no network, SCRY1605 for too many sets.
 */
export function resolveSets(
  { value, source, place }: ReadConfig<RuleSet>,
  file: ((name: string) => string) | undefined,
): ReadonlyMap<string, FirewallSet> {
  const refuse = (code: "SCRY1604" | "SCRY1605", name: string, message: string, ...hints: string[]): never => {
    const span = place("sets", name);
    throw new DiagnosticError(
      [{ code, severity: "error", message, span, ...(hints.length > 0 ? { hints } : {}) }],
      source,
    );
  };
  const made = new Map<string, FirewallSet>();
  let bits = 0;
  for (const [name, given] of value.sets ?? []) {
    let prefixes: readonly Prefix[];
    let dynamic = false;
    if (isList(given)) prefixes = given;
    else if ("dynamic" in given) {
      prefixes = given.networks ?? [];
      dynamic = given.dynamic;
    } else {
      const column = (given.column ?? 1) - 1;
      const where = given.where === undefined ? undefined : given.where - 1;
      const wanted = new Set(given.is);
      const text =
        file === undefined ? refuse("SCRY1604", name, `${given.file}: no files are read here`) : file(given.file);
      const read = readPrefixList(text, (columns) =>
        where === undefined || wanted.has(columns[where] ?? "") ? columns[column] : undefined,
      );
      const [first, ...more] = read.wrong;
      if (first !== undefined)
        refuse(
          "SCRY1604",
          name,
          `${given.file}:${first.line}: ${first.message}${more.length > 0 ? `, and ${more.length} lines more` : ""}`,
        );
      prefixes = read.prefixes;
    }
    const four = prefixes.reduce((count, { bytes }) => count + (bytes.length === 4 ? 1 : 0), 0);
    const inMap = dynamic || four > INLINE_4 || prefixes.length - four > INLINE_6;
    if (inMap && bits === MAP_SETS)
      refuse(
        "SCRY1605",
        name,
        `More than ${MAP_SETS} sets are large or dynamic`,
        "Put together those that the same rules ask for",
      );
    made.set(name, { name, prefixes, dynamic, ...(inMap ? { bit: bits++ } : {}) });
  }
  return made;
}

const isList = (given: unknown): given is readonly Prefix[] => Array.isArray(given);
