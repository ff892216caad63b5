// What failures mean where an object is loaded: its programs are somebody's own, and the kernel's verdict is on them.

import { VerifierError } from "../../kernel/index.ts";
import type { SourceText } from "../../source/index.ts";
import { explainFailure } from "../failures.ts";
import { diagnosticsOf, type Found } from "../messages.ts";
import type { CommandLine } from "../options.ts";

/** The text that the spans of the object at hand are in. */
let source: SourceText | undefined;

export const speakOf = (text: SourceText | undefined): void => {
  source = text;
};

/** Prints what is wrong with one of several; gives the exit status. */
export const explainObjectFailure = (error: unknown, line: CommandLine): number =>
  explainFailure(error, line.given, objectFailure);

/** What to write where the kernel refuses a module (kernel/bpf/verifier.c has the words). */
const TO_DO: readonly (readonly [said: RegExp, hint: string])[] = [
  [/_or_null/, "It may be missing: ask before it is used: if (x === undefined) return;"],
  [
    /unbounded (?:min value|memory access)|invalid access to (?:map value|packet)|(?:min|max) value is outside|offset is outside/,
    "Say how far an index can go: list[i & 3], or if (i < list.length) …",
  ],
  [
    /too complex|too large\. Processed|infinite loop/,
    "There are too many ways through it: bpf.loop(n, (i) => …) or bpf.numbers(n) is verified once, subprogram(…) once for all its calls",
  ],
  [/uses reserved fields/, "Functions of the kernel (kernel.name(…)) are called by programs since Linux 5.13 only"],
  [/reference leak|unreleased reference/, "What is taken is given back: using it = …"],
];
const todo = (said: string): readonly string[] =>
  source?.name.endsWith(".ts") === true ? TO_DO.flatMap(([words, hint]) => (words.test(said) ? [hint] : [])) : [];

/** As `diagnosticsOf`, but for what the verifier refuses. */
export function objectFailure(error: unknown): Found | undefined {
  if (!(error instanceof VerifierError)) {
    if (error instanceof RangeError || error instanceof TypeError) return undefined;
    return diagnosticsOf(error);
  }
  const said = error.message.replace(/^.*? failed with \w+ \((.*)\)$/s, "$1");
  return {
    diagnostics: [
      {
        code: "SCRY2006",
        severity: "error",
        message: `the kernel refuses program "${error.program}": ${said}`,
        ...(error.span === undefined ? {} : { span: error.span }),
        hints: [...todo(said), "scry object -v FILE.o shows the verifier's log"],
      },
    ],
    ...(source === undefined ? {} : { source }),
  };
}
