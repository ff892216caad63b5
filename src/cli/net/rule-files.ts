// Files of rules, as commands name them.

import { readFileSync } from "node:fs";
import type { ReadConfig } from "../../config/index.ts";
import {
  type CompiledFirewall,
  compileFirewall,
  type HookName,
  type RuleSet,
  readRules,
} from "../../net/firewall/index.ts";
import { fileBeside } from "../../net/index.ts";
import { readForeign } from "../../symbols/index.ts";

/** The rules of a file; `-` is standard input. Throws a DiagnosticError. */
export const rulesOfFile = (path: string): ReadConfig<RuleSet> =>
  readRules({ name: path === "-" ? "stdin" : path, text: textOfFile(path) });

/** The text of a file; `-` is standard input. Throws a DiagnosticError. */
export function textOfFile(path: string): string {
  return new TextDecoder().decode(path === "-" ? readFileSync(0) : readForeign(path, "the rules"));
}

/** The same, compiled; files of networks lie beside it. */
export const compiledFile = (path: string, hook: HookName = "xdp"): CompiledFirewall =>
  compileFirewall(rulesOfFile(path), { hook, file: fileBeside(path) });
