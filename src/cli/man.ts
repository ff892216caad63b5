// The manual page, in the form that man(1) reads (man-pages(7), groff_man(7)). The build writes it.

import type { NamedCommand } from "./command.ts";
import { usageOf, writtenOption } from "./help.ts";
import { common, type Option } from "./options.ts";
import { type Group, type Topic, topics } from "./topics.ts";

/** A line of text: what roff would take as its own is escaped. */
const roff = (text: string): string =>
  text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("'", "\\(aq").replace(/^\./, "\\&.");

const tagged = (rows: readonly (readonly [tag: string, text: string])[]): string =>
  rows.map(([tag, text]) => `.TP\n.B ${roff(tag)}\n${roff(text)}\n`).join("");

const optionRows = (options: readonly Option[]): string => tagged(options.map((o) => [writtenOption(o), o.help]));

const SECTIONS: readonly (readonly [title: string, group: Group])[] = [
  ["PROBES", "probes"],
  ["STATEMENTS", "statements"],
  ["BUILTIN VARIABLES", "variables"],
  ["FUNCTIONS", "functions"],
  ["AGGREGATIONS", "aggregations"],
  ["MAPS", "maps"],
  ["FORMATS", "formats"],
  ["CONFIG", "config"],
  ["ENVIRONMENT", "environment"],
];

/** The topics of a group; what stands in the environment for a config key is said once. */
function section(all: readonly Topic[], title: string, group: Group): string {
  const settings = new Set(all.filter((t) => t.group === "config").flatMap((t) => t.forms));
  const shown = all.filter((t) => t.group === group && !(group === "environment" && settings.has(t.forms[1] ?? "")));
  return `.SH ${title}\n${tagged(shown.map((t) => [t.forms.join(", "), [t.doc, ...t.facts].join(" ")]))}`;
}

/** The page of all commands, and of the language. */
export function manualPage(all: readonly NamedCommand[], version: string): string {
  const [script] = all;
  if (script === undefined) return "";
  const lines = all.flatMap(usageOf);
  const documented = topics(all);
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
${sections.join("")}${SECTIONS.map(([title, group]) => section(documented, title, group)).join("")}.SH EXIT STATUS
0; 1 where something is wrong with the command line, the script or the system; what the script gives to exit(CODE).
.SH EXAMPLES
.EX
${script.examples.map((e) => `${roff(e)}\n`).join("")}.EE
`;
}
