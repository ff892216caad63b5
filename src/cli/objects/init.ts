// `scry init`

import { existsSync, mkdirSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { kernelDeclarations, namesOf } from "../../lang/kernel-types/index.ts";
import { type CommandLine, UsageError } from "../options.ts";
import { printText, writeOutput } from "../streams.ts";
import { runningKernel } from "./declarations.ts";
import { DECLARATIONS, MODULE, projectFiles } from "./project.ts";

export async function makeProject({ rest }: CommandLine): Promise<number> {
  const [folder, ...more] = rest;
  if (folder === undefined || more.length > 0)
    throw new UsageError("scry init needs the one folder that it makes a project in: scry init DIR", []);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === false)
    throw new UsageError(`scry init makes no project in '${folder}': it is no folder`, []);
  const files = projectFiles(nameOf(folder));
  const taken = [...Object.keys(files), DECLARATIONS].find((name) => existsSync(join(folder, name)));
  if (taken !== undefined) throw new UsageError(`scry init writes over nothing: there is a ${join(folder, taken)}`, []);
  mkdirSync(folder, { recursive: true });
  const write = (name: string, text: string): void => writeOutput(join(folder, name), new TextEncoder().encode(text));
  for (const [name, text] of Object.entries(files)) write(name, text);
  const { text, missing } = declarations(files[MODULE] as string);
  if (text !== undefined) write(DECLARATIONS, text);
  printText(1, next(folder, missing));
  return 0;
}

/** As packages may be called. */
const nameOf = (folder: string): string =>
  basename(resolve(folder))
    .toLowerCase()
    .replace(/[^a-z0-9._~-]/g, "-")
    .replace(/^[._-]+/, "") || "kernel-program";

/** The module type-checks without them, too: then fewer names are known. */
function declarations(module: string): { readonly text?: string; readonly missing?: string } {
  try {
    return { text: kernelDeclarations(runningKernel(), namesOf([module])) };
  } catch (error) {
    return { missing: (error as Error).message.split("\n")[0] as string };
  }
}

const next = (folder: string, missing: string | undefined): string =>
  `${folder} has a kernel program, what reads it, and its test. Next:
  cd ${folder} && npm install
  npm run check            tsc, by the declarations of this kernel
  npm test                 on a machine of its own; with sudo in the kernel, too
  sudo npm start           every read that takes a millisecond
  sudo npm run types       when the program names more of the kernel
${missing === undefined ? "" : `\n${DECLARATIONS} is not written: ${missing}\n`}`;
