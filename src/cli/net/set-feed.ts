// A feed of changes of a firewall's set: lines of `+NETWORK` and `-NETWORK`, made as they come.

import { createInterface } from "node:readline";
import { readPrefix } from "../../net/firewall/index.ts";
import type { LiveFirewall } from "../../net/index.ts";
import { DiagnosticError, type Prefix } from "../../source/index.ts";

/** Lines that are there are made together when nothing more comes for so long (milliseconds), or when they are so many. */
const WAIT = 20;
const MOST = 10_000;

/**
 * Reads until the input ends; answers how many changes there were. Throws a DiagnosticError (SCRY1604) for a line that is none: those
 * before it are made.
 */
export async function feedSet(firewall: LiveFirewall, name: string, input: NodeJS.ReadableStream): Promise<number> {
  let changed = 0;
  // Changes of one kind that follow each other are made in one step.
  let run: { readonly present: boolean; readonly prefixes: Prefix[] } | undefined;
  let failed: unknown;
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const { present = true, prefixes = [] } = run ?? {};
    run = undefined;
    if (prefixes.length > 0) firewall.changeSet(name, prefixes, present);
  };
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  const later = (): void => {
    try {
      flush();
    } catch (error) {
      failed = error;
      lines.close();
    }
  };
  let line = 0;
  for await (const text of lines) {
    line++;
    const word = text.trim();
    if (word === "" || word.startsWith("#")) continue;
    const sign = word[0];
    const prefix = readPrefix(word.slice(1).trim());
    if ((sign !== "+" && sign !== "-") || "wrong" in prefix) {
      flush();
      throw new DiagnosticError([
        {
          code: "SCRY1604",
          severity: "error",
          message: `stdin:${line}: '${word.slice(0, 80)}' is no change of a set`,
          hints: ["A change is a network behind + or -"],
        },
      ]);
    }
    if (run?.present !== (sign === "+")) flush();
    run ??= { present: sign === "+", prefixes: [] };
    run.prefixes.push(prefix);
    changed++;
    if (run.prefixes.length >= MOST) flush();
    else timer ??= setTimeout(later, WAIT);
  }
  if (failed !== undefined) throw failed;
  flush();
  return changed;
}
