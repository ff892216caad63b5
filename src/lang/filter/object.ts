// A filter as an object: one socket filter, as the kernel makes it of a classic program.

import { classicToExtended } from "../../isa/index.ts";
import type { BpfObject } from "../../object/index.ts";
import type { CompiledFilter } from "./compile-filter.ts";
import { fail, within } from "./problems.ts";

/** The name of the program. */
export const FILTER_PROGRAM = "filter";

/**
 * An object whose only program, `filter`, answers how many bytes of a packet to keep, and 0 where it does not match: for a socket,
 * or for the embedded machine. Throws DiagnosticError for a filter with a loop (`protochain`).
 */
export function filterObject({ source, classic, loops }: CompiledFilter): BpfObject {
  if (loops)
    return within(source, () =>
      fail(
        "SCRY1510",
        { start: 0, end: source.text.length },
        "A filter with 'protochain' is no program for the kernel: it has a loop without a bound",
        "Say 'proto', which looks at one header",
      ),
    );
  return {
    maps: [],
    programs: [
      {
        name: FILTER_PROGRAM,
        type: "socket_filter",
        attach: [],
        functions: [{ name: FILTER_PROGRAM, code: classicToExtended(classic), parameters: 1 }],
      },
    ],
    license: "GPL",
  };
}
