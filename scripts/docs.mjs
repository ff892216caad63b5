// Writes src/bpf/helpers.ts and docs/language.md from the tables that `scry help` and the editors read. With --print it goes to standard output.

import { writeFileSync } from "node:fs";
import { loadSource } from "./load-source.mjs";

const root = new URL("..", import.meta.url).pathname;
const { commands } = await loadSource("src/cli/commands.ts");
const { GROUPS, topics } = await loadSource("src/cli/topics.ts");
const { PRECEDENCE, TYPE_WORDS } = await loadSource("src/lang/trace/index.ts");
const all = topics(commands);

const code = (text) => `\`${text}\``;
const cell = (text) => text.replaceAll("|", "\\|");

/** A topic as a part of the page. */
function part(topic) {
  const forms = [...topic.forms, ...(topic.types === undefined ? [] : [`    ${topic.types}`])].join("\n");
  const facts = topic.facts.length === 0 ? "" : `\n\n${topic.facts.join(" ")}`;
  const example = topic.program ?? topic.example;
  return `### ${code(topic.names[0])}\n\n\`\`\`\n${forms}\n\`\`\`\n\n${topic.doc}${facts}\n\n\`\`\`${topic.program === undefined ? "sh" : ""}\n${example}\n\`\`\`\n`;
}

const parts = (name) => group(name).map(part).join("\n");

/** Topics as a table, where one row each is enough. */
const row = (cells) => `| ${cells.map(cell).join(" | ")} |\n`;
const table = (columns, rows) => `${row(columns)}|${"---|".repeat(columns.length)}\n${rows.map(row).join("")}`;
const group = (name) => all.filter((t) => t.group === name);
const settings = new Set(group("config").map((t) => `BPFTRACE_${t.names[0].toUpperCase()}`));

/** Operators by how much they bind. */
const levels = [];
for (const [operator, level] of Object.entries(PRECEDENCE)) (levels[level] ??= []).push(code(operator));
const operators = levels
  .filter((row) => row !== undefined)
  .reverse()
  .map((row) => `| ${cell(row.join(" "))} |\n`)
  .join("");

const page = `# The trace language

This page is made from the tables that scry itself goes by (\`npm run docs\`); \`scry help TOPIC\` prints each entry in the
terminal. Every example is compiled by the tests.

- [A script](#a-script)
- [Kinds of probes](#kinds-of-probes)
- [Statements](#statements)
- [Expressions](#expressions)
- [Builtin variables](#builtin-variables)
- [Functions](#functions)
- [Aggregations](#aggregations)
- [Kinds of maps](#kinds-of-maps)
- [Formats](#formats)
- [Config](#config)
- [Environment](#environment)
- [Command line](#command-line)

## A script

A script is made of probes and what they do:

\`\`\`
PROBE[, PROBE …] [/PREDICATE/] { STATEMENTS }
\`\`\`

\`\`\`
tracepoint:syscalls:sys_exit_read /pid == $1 && args.ret > 0/ { @bytes[comm] = hist(args.ret); }
\`\`\`

The predicate decides whether the statements run. \`$x\` is a variable of its block; \`@x\` a map, which all probes share and
which is printed when the script ends; \`@x[key]\` one of its entries, a key of several parts being a tuple. \`$1\`, \`$2\`, … are
the script's parameters, \`$#\` is their number, and \`str($1)\` is one as text. What is not set is 0. Before the probes may stand
declarations of C, \`config\`, \`import\`, \`macro\` and declarations of maps. Comments are \`// …\` and \`/* … */\`.

## Kinds of probes

Names may have patterns (\`*\`, \`?\`, \`[…]\`): a probe then stands for all that match. \`scry -l 'PATTERN'\` lists what there is,
\`scry -lv\` with arguments and types.

${parts("probes")}
## Statements

\`VALUE;\` alone is a statement too, and so are assignments (\`=\`, \`+=\`, \`-=\`, \`*=\`, \`/=\`, \`%=\`, \`&=\`, \`|=\`, \`^=\`, \`<<=\`, \`>>=\`, \`++\`, \`--\`) to
variables and maps, blocks in braces, and \`_ = VALUE;\`, which says that nothing is to come of it.

${parts("statements")}
## Expressions

Numbers are decimal, octal (\`017\`) or hexadecimal (\`0x1f\`), with \`_\` between digits, an exponent (\`1e6\`) or a unit of time
(\`10ms\`, in nanoseconds: \`ns us ms s m h d\`). Strings stand in double quotes, with \`\\n\`, \`\\t\`, \`\\"\`, \`\\\\\`, \`\\x1b\` and \`\\033\`.
Numbers are whole; division by zero gives 1 for \`/\` and \`%\`. A \`float\` or \`double\` of a program or a C struct is read, kept,
a key, and printed (\`%f %e %g %a\`, \`print\`), but eBPF computes and compares nothing with it: \`(int64)x\` is the number
without its fraction, and \`(double)3\` is one where the number is known before the script runs. bpftrace has none of this.

Operators of two sides, those that bind most first; all go from left to right:

| operators |
|---|
${operators}
Before them come \`! ~ - * & ++ --\` and casts before a value (\`(uint32)x\`, \`(struct task_struct *)x\`), and \`. -> [] ++ --\` behind it;
after them \`a ? b : c\` and \`a ?: b\`. A dot goes through pointers as an arrow does.

\`(1, "two")\` is a tuple, whose parts are \`.0\` and \`.1\`; \`(a = 1, b = "two")\` a record, whose parts are \`.a\` and \`.b\`.
\`{ STATEMENTS; VALUE }\` is a value, and so is an \`if\` with values on all sides.

Words for types: ${[...TYPE_WORDS].map(code).join(" ")}, \`struct X\`, \`union X\`, \`enum X\`, \`typeof(VALUE)\`, with \`*\` and \`[N]\` behind them.

## Builtin variables

${parts("variables")}
## Functions

Types stand behind the form, those of the arguments before the arrow.

${parts("functions")}
## Aggregations

They are assigned to maps: \`@x = count()\`, \`@x[key] = hist(n)\`. Each CPU keeps its own part, so they cost least of all ways to
count. Read as numbers, \`count\`, \`sum\`, \`min\`, \`max\` and \`avg\` are what they are at that moment.

${parts("aggregations")}
## Kinds of maps

A map that is not declared is kept in what suits its use.

${parts("maps")}
## Formats

\`%[FLAGS][WIDTH][.PRECISION][LENGTH]CONVERSION\`, as printf(3) has it: flags \`- + # 0\` and space, lengths \`hh h l ll j z t\`. There
are no floating point numbers in BPF.

${table(
  ["conversion", "prints", "example"],
  group("formats").map((t) => [code(t.names[0]), t.doc, code(t.program)]),
)}
## Config

\`config = { KEY = VALUE; … }\` before the probes, or \`BPFTRACE_KEY=VALUE\` in the environment, which comes before it.

${table(
  ["key", "meaning", "values"],
  group("config").map((t) => [code(t.names[0]), t.doc, t.facts.join(" ")]),
)}
## Environment

All config keys are to be had as \`BPFTRACE_KEY\`. Others:

${table(
  ["variable", "meaning", "example"],
  group("environment")
    .filter((t) => !settings.has(t.names[0]))
    .map((t) => [code(t.names[0]), t.doc, code(t.example)]),
)}
## Command line

${group("commands")
  .map((t) => `- ${t.forms.map(code).join(", ")}: ${t.doc}\n`)
  .join("")}
${table(
  ["option", "meaning", "remarks", "example"],
  group("options").map((t) => [code(t.forms[0]), t.doc, t.facts.join(" "), code(t.example)]),
)}`;

for (const name of Object.keys(GROUPS))
  if (!group(name).some((t) => page.includes(code(t.names[0])) || t.forms.some((form) => page.includes(code(form)))))
    throw new Error(`the page has no ${name}`);
const { helperTypes } = await loadSource("src/lang/kernel-types/index.ts");
if (!process.argv.includes("--print")) writeFileSync(`${root}src/bpf/helpers.ts`, helperTypes());
if (process.argv.includes("--print")) process.stdout.write(page);
else writeFileSync(`${root}docs/language.md`, page);
