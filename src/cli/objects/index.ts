// The commands that deal with objects of BPF programs. They are read when one of them is called, from a file of their own
// that shares its parts with the library (see scripts/build.mjs).

import { explaining, type Run } from "../explaining.ts";
import type { Option } from "../options.ts";
import { buildObject } from "./build.ts";
import { writeDeclarations } from "./declarations.ts";
import { developFile } from "./dev.ts";
import { generateText } from "./generate.ts";
import { makeProject } from "./init.ts";
import { printNetwork } from "./net.ts";
import { objectFailure } from "./object-failure.ts";
import { printPrograms } from "./ps.ts";
import { runFile } from "./run.ts";
import { printObject } from "./show.ts";

const explained = (run: Run): Run => explaining(run, objectFailure);

export const runObject: Run = explained(runFile);
export const developObject: Run = explained(developFile);
/** Its words, and the options that it takes: a compiler's are made ours here, so that main need not know them. */
export const build = (words: readonly string[], taken: readonly Option[]): Promise<number> =>
  explained(() => buildObject(words, taken))({ given: new Map(), rest: words, named: [] });
export const showObject: Run = explained(printObject);
export const generate: Run = explained(generateText);
export const listPrograms: Run = explained(printPrograms);
export const listNetwork: Run = explained(printNetwork);
export const declareTypes: Run = explained(writeDeclarations);
export const initProject: Run = explained(makeProject);
