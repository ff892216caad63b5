// The table of sources, kernel by kernel, in ARCHITECTURE.md: made from what the lab's runs have found.
//
//     node scripts/lab/table.mjs           writes the table between its marks
//     node scripts/lab/table.mjs --check   fails where the text is not what the results say

import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SUITES } from "./suites.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "bench/lab");
const page = join(root, "ARCHITECTURE.md");
const BEGIN = "<!-- lab:sources -->";
const END = "<!-- /lab:sources -->";

/** Keeps what a run has found about a suite's kernel, for the table. */
export function keepResults(suite, path) {
  mkdirSync(folder, { recursive: true });
  copyFileSync(path, join(folder, `${suite.name}.json`));
}

function table() {
  const runs = SUITES.map((s) => join(folder, `${s.name}.json`))
    .filter((path) => existsSync(path))
    .map((path) => JSON.parse(readFileSync(path, "utf8")));
  if (runs.length === 0) throw new Error("the lab has found out nothing yet: npm run lab");
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.sources)))];
  const missing = [];
  const cell = (found) => {
    if (found === undefined) return "";
    if (found.works) {
      const { cost } = found;
      return cost === undefined
        ? "works"
        : `works, ${microseconds(cost.empty - cost.floor)} over ${microseconds(cost.floor)}`;
    }
    const why = found.missing ?? "does not work";
    if (!missing.includes(why)) missing.push(why);
    return `— (${missing.indexOf(why) + 1})`;
  };
  const row = (cells) => `| ${cells.join(" | ")} |`;
  const lines = [
    row(["source", ...runs.map((run) => `${/^\d+\.\d+/.exec(run.release)} (${run.suite})`)]),
    row(["---", ...runs.map(() => "---")]),
    ...names.map((name) => row([name, ...runs.map((run) => cell(run.sources[name]))])),
  ];
  if (missing.length > 0) lines.push("", `Missing there: ${missing.map((why, i) => `(${i + 1}) ${why}`).join("; ")}.`);
  return lines.join("\n");
}

const microseconds = (nanoseconds) => `${(Math.max(0, nanoseconds) / 1000).toFixed(1)} µs`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = readFileSync(page, "utf8");
  const from = text.indexOf(BEGIN);
  const to = text.indexOf(END);
  if (from < 0 || to < from) throw new Error(`ARCHITECTURE.md has no ${BEGIN} … ${END}`);
  const wanted = `${text.slice(0, from + BEGIN.length)}\n${table()}\n${text.slice(to)}`;
  if (!process.argv.includes("--check")) writeFileSync(page, wanted);
  else if (wanted !== text) {
    console.error("ARCHITECTURE.md's table of sources is not what bench/lab says: node scripts/lab/table.mjs");
    process.exitCode = 1;
  }
}
