// `scry doctor`: one page that says what this kernel, this user and this container allow.

import { type Diagnosis, diagnose, type Finding } from "../../kernel/index.ts";
import type { Command } from "../command.ts";
import { type CommandLine, options } from "../options.ts";
import { printText } from "../streams.ts";

const TITLES: Readonly<Record<keyof Diagnosis, string>> = {
  system: "SYSTEM",
  probes: "PROBES OF THE LANGUAGE",
  programs: "PROGRAMS, BY WHERE THEY ATTACH",
  maps: "MAPS",
  features: "FEATURES",
};

export const doctor: Command = {
  help: "what this kernel, this user and this container allow",
  usage: [["[--json]"]],
  options: options("json", "format", "verbose"),
  completes: "none",
  examples: ["scry doctor --json"],
  run: printDiagnosis,
};

/** Prints the diagnosis, as a page or as JSON; 0 where scripts can run at all. */
export async function printDiagnosis(line: CommandLine): Promise<number> {
  if (process.platform !== "linux") {
    printText(
      1,
      `This is ${process.platform}: BPF is the Linux kernel's. What runs here is the embedded machine:\n  scry demo, scry --events EVENTS.jsonl FILE, scry --test FILE\n`,
    );
    return 1;
  }
  const diagnosis = await diagnose();
  const json = line.given.has("json") || line.given.get("format")?.startsWith("json") === true;
  printText(1, json ? `${JSON.stringify(diagnosis, null, 2)}\n` : page(diagnosis));
  return diagnosis.features.some((f) => f.name === "ringBuffer" && f.works) ? 0 : 1;
}

/** The page: what works in one line each, what does not with why and what to do. */
export function page(diagnosis: Diagnosis): string {
  let text = "";
  for (const [group, title] of Object.entries(TITLES) as [keyof Diagnosis, string][]) {
    const findings = diagnosis[group];
    text += `${text === "" ? "" : "\n"}${title}\n`;
    if (group === "maps" || group === "features") {
      text += short(findings, group === "features");
      continue;
    }
    const width = Math.max(...findings.map((f) => f.name.length));
    for (const f of findings) {
      text += `  ${f.works ? "yes" : "no "}  ${f.name.padEnd(width)}  ${f.detail}\n`;
      if (!f.works && f.remedy !== undefined) text += `       ${" ".repeat(width)}  → ${f.remedy}\n`;
    }
  }
  return text;
}

/** Those that work in as few lines as they need; the others one by one. */
function short(findings: readonly Finding[], details: boolean): string {
  const lines: string[] = [];
  let row = "";
  for (const { name } of findings.filter((f) => f.works)) {
    if (row.length + name.length > 90) {
      lines.push(row);
      row = "";
    }
    row += `${row === "" ? "" : ", "}${name}`;
  }
  if (row !== "") lines.push(row);
  const missing = findings.filter((f) => !f.works).map((f) => `  no   ${f.name}${details ? `: ${f.detail}` : ""}\n`);
  return `${lines.map((l, i) => `  ${i === 0 ? "yes" : "   "}  ${l}\n`).join("")}${missing.join("")}`;
}
