// The examples of examples/net are read, checked without a warning, and their own tests pass.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readBalancer } from "../../src/net/balance/index.ts";
import {
  analyseRules,
  compileFirewall,
  HOOKS,
  type HookName,
  readRules,
  runRuleTests,
} from "../../src/net/firewall/index.ts";
import { compileServices, parsePrefix } from "../../src/net/services/index.ts";
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
    for (const hook of Object.keys(HOOKS) as HookName[])
      expect(analyseRules(compileFirewall(rules, { hook, file }))).toEqual([]);
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
