// `scry firewall`: what its words ask for.

import { existsSync } from "node:fs";
import { jsonSchema, type Wrong } from "../../config/index.ts";
import {
  analyseRules,
  differences,
  formatRules,
  type HookName,
  importRules,
  judge,
  packetsOfText,
  RULES,
  readPrefix,
  runRuleTests,
} from "../../net/firewall/index.ts";
import {
  type FirewallSpot,
  LiveFirewall,
  pinnedFirewalls,
  placeName,
  placeOptions,
  removePins,
} from "../../net/index.ts";
import { diagnosticsOf, renderDiagnostics } from "../messages.ts";
import { type CommandLine, UsageError } from "../options.ts";
import { printText, terminalHeight } from "../streams.ts";
import { applyRules } from "./firewall-apply.ts";
import { explanationLines, statusJson, statusLines } from "./firewall-lines.ts";
import { directionOf, interrupted, placeOf, print, problem, saysPlace, wantsJson } from "./firewall-place.ts";
import { compiledFile, textOfFile } from "./rule-files.ts";
import { showSamples } from "./samples.ts";
import { feedSet } from "./set-feed.ts";

type Action = (words: readonly string[], line: CommandLine) => number | Promise<number>;

/** Gives the exit status. */
export async function firewallPackets(line: CommandLine): Promise<number> {
  const [word, ...rest] = line.rest;
  const action = word !== undefined && Object.hasOwn(ACTIONS, word) ? ACTIONS[word] : undefined;
  if (action === undefined)
    throw new UsageError(
      word === undefined ? "scry firewall takes a word" : `'${word}' is nothing that a firewall does`,
      [`There are ${Object.keys(ACTIONS).join(", ")}`],
    );
  return action(rest, line);
}

const ACTIONS: Readonly<Record<string, Action>> = {
  apply: (words, line) => applyRules(only(words, "a file of rules"), line),
  confirm: async (words, line) => {
    none(words);
    await using firewall = standing(line);
    if (firewall.confirm()) {
      printText(1, `${placeName(firewall.place)}: the rules stay\n`);
      return 0;
    }
    const late = firewall.trial === 0;
    throw problem(
      "SCRY1611",
      `${placeName(firewall.place)}: ${late ? "it is too late: what was before decides again" : "these rules are not on trial"}`,
      ...(late ? ["Remove them, or apply rules without --confirm-within"] : []),
    );
  },
  remove: (words, line) => {
    none(words);
    // A control group may be gone while its firewall's pins stay.
    const path = line.given.get("cgroup");
    const gone = path === undefined || existsSync(path) ? undefined : { cgroup: path, direction: directionOf(line) };
    const place = gone !== undefined && removePins(gone) ? gone : placeOf(line);
    if (place !== gone && !removePins(place)) throw noneAt(place);
    printText(1, `${placeName(place)}: there is no firewall any more\n`);
    return 0;
  },
  status: async (words, line) => {
    none(words);
    const all = allStanding(line);
    try {
      print(all, line);
    } finally {
      for (const one of all) await one.close();
    }
    return 0;
  },
  top: (words, line) => {
    none(words);
    return top(line);
  },
  watch: async (words, line) => {
    none(words);
    await using firewall = standing(line);
    await showSamples(firewall, line, interrupted());
    return 0;
  },
  set: (words, line) => changeSet(words, line),
  check: (words, line) => check(only(words, "a file of rules"), line),
  test: (words, line) => test(only(words, "a file of rules"), line),
  explain: (words, line) => explain(words, line),
  diff: (words, line) => diff(words, line),
  import: (words, line) =>
    importFile(only(words, "a text of iptables-save, ip6tables-save or 'nft list ruleset'"), line),
  schema: (words) => {
    none(words);
    printText(1, `${JSON.stringify(jsonSchema("Rules of scry firewall", RULES), undefined, 2)}\n`);
    return 0;
  },
};

function only(words: readonly string[], what: string): string {
  const [first, ...more] = words;
  if (first === undefined || more.length > 0) throw new UsageError(`This takes ${what}`);
  return first;
}

function none(words: readonly string[]): void {
  if (words.length > 0) throw new UsageError(`'${words[0]}' is one word too many`);
}

/** Throws for what is wrong with words of the command line. */
function right<T>(value: T | Wrong): T {
  if (typeof value === "object" && value !== null && "wrong" in value)
    throw new UsageError(value.wrong, [...(value.hints ?? [])]);
  return value as T;
}

/** The firewall that stays at the interface. */
function standing(line: CommandLine): LiveFirewall {
  const place = placeOf(line);
  const firewall = LiveFirewall.open(place);
  if (firewall === undefined) throw noneAt(place);
  return firewall;
}

const noneAt = (place: FirewallSpot): Error =>
  problem(
    "SCRY1611",
    `no firewall stays at ${placeName(place)}${"cgroup" in place ? "" : " in this network namespace"}`,
    `scry firewall apply RULES.yaml ${placeOptions(place)} --persist puts one there`,
  );

function allStanding(line: CommandLine): LiveFirewall[] {
  if (saysPlace(line)) return [standing(line)];
  // One that is damaged does not hide the others.
  return pinnedFirewalls().flatMap(({ path, place }) => {
    try {
      return LiveFirewall.openAt(path, place) ?? [];
    } catch (error) {
      const found = diagnosticsOf(error);
      if (found === undefined) throw error;
      printText(2, renderDiagnostics(found, line.given.get("format") ?? "text"));
      return [];
    }
  });
}

/** For which hook rules are looked at. */
const hookOf = ({ given }: CommandLine): HookName => (given.get("hook") ?? "xdp") as HookName;

const BETWEEN = 1000;

async function top(line: CommandLine): Promise<number> {
  const signal = interrupted();
  const before = new Map<string, { readonly counts: ReturnType<LiveFirewall["counts"]>; readonly at: number }>();
  for (;;) {
    const all = allStanding(line);
    const rows = terminalHeight(1);
    const lines: string[] = [];
    for (const one of all) {
      const past = before.get(placeName(one.place));
      const at = performance.now();
      if (wantsJson(line)) lines.push(JSON.stringify(statusJson(one, process.hrtime.bigint())));
      else
        lines.push(
          ...statusLines(one, {
            now: process.hrtime.bigint(),
            ...(past === undefined ? {} : { before: { counts: past.counts, seconds: (at - past.at) / 1000 } }),
          }),
        );
      before.set(placeName(one.place), { counts: one.counts(), at });
      await one.close();
    }
    if (all.length === 0) lines.push("No firewall has been made to stay.");
    const shown = rows === undefined || wantsJson(line) ? lines : lines.slice(0, rows - 1);
    printText(1, `${rows === undefined || wantsJson(line) ? "" : "\x1b[H\x1b[J"}${shown.join("\n")}\n`);
    if (!signal.aborted)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, BETWEEN);
        signal.addEventListener("abort", () => {
          clearTimeout(timer);
          resolve();
        });
      });
    if (signal.aborted) return 0;
  }
}

function importFile(path: string, line: CommandLine): number {
  const source = { name: path === "-" ? "stdin" : path, text: textOfFile(path) };
  const device = line.given.get("interface");
  const { rules, diagnostics } = importRules(source, device === undefined ? {} : { interface: device });
  printText(2, renderDiagnostics({ diagnostics, source }, line.given.get("format") ?? "text"));
  printText(1, wantsJson(line) ? `${JSON.stringify(rules)}\n` : formatRules(rules));
  return 0;
}

async function changeSet(words: readonly string[], line: CommandLine): Promise<number> {
  const [name, how, ...networks] = words;
  if (name === undefined || how === undefined)
    throw new UsageError("'set' takes a set's name, then add or remove and networks, or -");
  await using firewall = standing(line);
  if (how === "-") {
    const changed = await feedSet(firewall, name, process.stdin);
    printText(2, `${changed} changes\n`);
    return 0;
  }
  if ((how !== "add" && how !== "remove") || networks.length === 0)
    throw new UsageError("'set' takes a set's name, then add or remove and networks, or -");
  firewall.changeSet(
    name,
    networks.map((network) => right(readPrefix(network))),
    how === "add",
  );
  return 0;
}

function check(path: string, line: CommandLine): number {
  const compiled = compiledFile(path, hookOf(line));
  const warnings = analyseRules(compiled);
  printText(
    2,
    renderDiagnostics({ diagnostics: warnings, source: compiled.rules.source }, line.given.get("format") ?? "text"),
  );
  const instructions = compiled.object.programs[0]?.functions.reduce((sum, { code }) => sum + code.length, 0) ?? 0;
  const { rules } = compiled.rules.value;
  if (wantsJson(line))
    printText(
      1,
      `${JSON.stringify({ rules: rules.length, longest: compiled.longest, instructions, warnings: warnings.length })}\n`,
    );
  else
    printText(
      1,
      `${rules.length} rules; a packet is asked ${compiled.longest} questions at most; ${instructions} instructions in all\n`,
    );
  return 0;
}

function test(path: string, line: CommandLine): number {
  const compiled = compiledFile(path, hookOf(line));
  const outcomes = runRuleTests(compiled);
  const failed = outcomes.filter(({ failure }) => failure !== undefined);
  if (wantsJson(line)) for (const outcome of outcomes) printText(1, `${JSON.stringify(outcome)}\n`);
  else {
    for (const { name, failure } of outcomes)
      printText(1, failure === undefined ? `ok    ${name}\n` : `FAIL  ${name}: ${failure}\n`);
    printText(1, `${outcomes.length - failed.length} of ${outcomes.length} tests passed\n`);
  }
  if (outcomes.length === 0) printText(2, `${path} has no tests\n`);
  return failed.length === 0 ? 0 : 1;
}

function explain(words: readonly string[], line: CommandLine): number {
  const [path, ...rest] = words;
  if (path === undefined || rest.length === 0)
    throw new UsageError("'explain' takes a file of rules and a packet", [
      "A packet is 'tcp 192.0.2.1:5000 > 198.51.100.2:22 syn', or its bytes; 'then' stands between packets of a flow",
    ]);
  const compiled = compiledFile(path, hookOf(line));
  const text = rest.join(" ");
  const frames = right(packetsOfText(text));
  const verdict = judge(frames.at(-1) as Uint8Array, compiled, undefined, frames.slice(0, -1));
  if (wantsJson(line)) printText(1, `${JSON.stringify(verdict)}\n`);
  else printText(1, `${explanationLines(compiled, verdict).join("\n")}\n`);
  return 0;
}

function diff([before, after, ...more]: readonly string[], line: CommandLine): number {
  if (before === undefined || after === undefined || more.length > 0)
    throw new UsageError("'diff' takes two files of rules");
  const { found, complete } = differences(compiledFile(before), compiledFile(after));
  if (wantsJson(line)) for (const one of found) printText(1, `${JSON.stringify(one)}\n`);
  else for (const { packets, before: was, after: is } of found) printText(1, `${packets}\n  - ${was}\n  + ${is}\n`);
  if (!complete) printText(2, "There are more differences than these.\n");
  else if (found.length === 0) printText(2, "Both do the same with every packet.\n");
  return found.length === 0 ? 0 : 1;
}
