// The manual page, in the form that man(1) reads (man-pages(7), groff_man(7)). The build writes it.

import type { NamedCommand } from "./command.ts";
import { usageOf, writtenOption } from "./help.ts";
import { common, type Option } from "./options.ts";

/** A line of text: what roff would take as its own is escaped. */
const roff = (text: string): string =>
  text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("'", "\\(aq").replace(/^\./, "\\&.");

const tagged = (rows: readonly (readonly [tag: string, text: string])[]): string =>
  rows.map(([tag, text]) => `.TP\n.B ${roff(tag)}\n${roff(text)}\n`).join("");

const optionRows = (options: readonly Option[]): string => tagged(options.map((o) => [writtenOption(o), o.help]));

/** The page of all commands. */
export function manualPage(all: readonly NamedCommand[], version: string): string {
  const [script] = all;
  if (script === undefined) return "";
  const lines = all.flatMap(usageOf);
  const sections = all
    .slice(1)
    .map(
      (c) =>
        `.SS ${roff(`scry ${c.name}`)}\n${roff(`${c.help}.`)}\n${optionRows(c.options)}${c.examples.length === 0 ? "" : `.PP\n.EX\n${c.examples.map((e) => `${roff(e)}\n`).join("")}.EE\n`}`,
    );
  return `.TH SCRY 8 "" "scry ${version}" "System Administration"
.SH NAME
scry \\- ${roff(script.help)}
.SH SYNOPSIS
.nf
${lines.map(([line]) => `${roff(line)}\n`).join("")}.fi
.SH DESCRIPTION
Runs scripts of bpftrace's language on the Linux kernel by BPF, or on recorded events.
.SH OPTIONS
${optionRows([...script.options, ...common])}.SH COMMANDS
${sections.join("")}.SH ENVIRONMENT
.TP
.B ${roff("BPFTRACE_MAX_STRLEN, BPFTRACE_MAX_MAP_KEYS, …")}
set what a script's config can set
.SH EXIT STATUS
0; 1 where something is wrong with the command line, the script or the system; what the script gives to exit(CODE).
.SH EXAMPLES
.EX
${script.examples.map((e) => `${roff(e)}\n`).join("")}.EE
`;
}
