// The examples of examples/net and the first of docs/firewall.md are read, checked without a warning, and their own tests pass; the
// document has all that a rule may say.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { jsonSchema } from "../../src/config/index.ts";
import { readBalancer } from "../../src/net/balance/index.ts";
import {
  analyseRules,
  compileFirewall,
  HOOKS,
  type HookName,
  judge,
  packetOfWords,
  RULES,
  readRules,
  ruleName,
  runRuleTests,
} from "../../src/net/firewall/index.ts";
import { compileServices } from "../../src/net/services/index.ts";
import { parsePrefix } from "../../src/source/index.ts";
import { repository } from "../support/commands.ts";

const folder = join(repository, "examples/net");
const texts = readdirSync(folder)
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }));
const isRules = ({ text }: { readonly text: string }): boolean => /^rules:/m.test(text);
const file = (name: string): string => readFileSync(join(folder, name), "utf8");

describe("examples/net", () => {
  it("has rules and configurations", () => {
    expect(texts.filter(isRules).length).toBeGreaterThan(2);
    expect(texts.filter((one) => !isRules(one)).map(({ name }) => name)).toEqual(["balance.yaml"]);
  });

  it.each(texts.filter(isRules))("$name", (source) => {
    const rules = readRules(source);
    const answers = rules.value.rules.some(({ action }) => action === "reject");
    const hooks = answers ? (["xdp", "tc"] as const) : (Object.keys(HOOKS) as HookName[]);
    for (const hook of hooks) expect(analyseRules(compileFirewall(rules, { hook, file }))).toEqual([]);
    const outcomes = runRuleTests(compileFirewall(rules, { file }));
    expect(outcomes.filter(({ failure }) => failure !== undefined)).toEqual([]);
    if (rules.value.rules.length > 0) expect(outcomes.length).toBeGreaterThan(5);
    const { services } = rules.value;
    const known = {
      resolvers: ["127.0.0.53"].flatMap((one) => parsePrefix(one) ?? []),
      users: new Map<string, number>(),
    };
    if (services !== undefined) expect(compileServices(services, known).diagnostics).toEqual([]);
  });

  it.each(texts.filter((one) => !isRules(one)))("$name", (source) => {
    expect(readBalancer(source).balancer.services.length).toBeGreaterThan(0);
  });
});

describe("docs/firewall.md", () => {
  const document = readFileSync(join(repository, "docs/firewall.md"), "utf8");
  const first = /```yaml\n([\s\S]+?)```/.exec(document)?.[1] as string;

  it("begins with rules whose tests pass, and says what they are told", () => {
    const compiled = compileFirewall(readRules({ name: "rules.yaml", text: first }));
    expect(analyseRules(compiled)).toEqual([]);
    expect(runRuleTests(compiled).map(({ failure }) => failure)).toEqual([undefined, undefined]);
    expect(document).toContain(
      `${compiled.rules.value.rules.length} rules; a packet is asked ${compiled.longest} questions at most`,
    );
    const frame = packetOfWords("tcp 203.0.113.7:40000 > 192.0.2.80:22 syn");
    if ("wrong" in frame) throw new Error(frame.wrong);
    for (const { rule, miss } of judge(frame, compiled).passed)
      expect(document).toContain(`${ruleName(compiled, rule)}: passed, ${miss}\n`);
  });

  it("tells of everything that a rule may say", () => {
    const { properties } = jsonSchema("Rules", RULES) as { readonly properties: Readonly<Record<string, unknown>> };
    const words = wordsOf([properties["rules"], properties["sets"], properties["tests"]]);
    expect(words.size).toBeGreaterThan(40);
    for (const word of ["source-port", "ignore-case", "reject", "where"]) expect(words).toContain(word);
    expect([...words].filter((word) => !new RegExp(`\\b${word}\\b`).test(document))).toEqual([]);
  });
});

/** Names of properties, and words that may be chosen, at any depth of a schema. */
function wordsOf(schema: unknown): Set<string> {
  if (typeof schema !== "object" || schema === null) return new Set();
  const words = new Set<string>();
  for (const [key, value] of Object.entries(schema)) {
    if (key === "properties") for (const name of Object.keys(value)) words.add(name);
    if (key === "enum") for (const word of value) words.add(String(word));
    for (const word of wordsOf(value)) words.add(word);
  }
  return words;
}
