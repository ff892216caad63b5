// Rules that mean harm: each field with what it is not made for. All are taken or told as a diagnostic, and soon.

import { describe, expect, it } from "vitest";
import { DiagnosticError } from "../../source/index.ts";
import { analyseRules, compileFirewall, readRules, runRuleTests } from "./index.ts";

const FIELDS = [
  ..."name action set-mark source destination protocol source-port destination-port flags icmp-type icmp-code".split(
    " ",
  ),
  ..."ether-type vlan length ttl dscp fragment source-mac destination-mac state within over block bytes".split(" "),
  ..."filter content sample unknown".split(" "),
];
const nested = (n: number): string => "[".repeat(n) + "]".repeat(n);
const VALUES: readonly string[] = [
  "null",
  "true",
  "[]",
  "{}",
  "''",
  "-1",
  "1e99",
  ".nan",
  ".inf",
  "0x",
  "0xffffffffff",
  "99999999999999999999",
  "[[1]]",
  "[null]",
  "{ a: 1 }",
  "!!binary aGk=",
  "!!set { a }",
  "2020-01-01",
  "&a [*a]",
  "*nowhere",
  '"\\0\\e[31m"',
  '"\\ud800"',
  "$",
  "'!'",
  "'!$'",
  "'-'",
  "0-99999999999",
  "1-2-3",
  "__proto__",
  "constructor",
  "toString",
  "{ __proto__: 1 }",
  `"${"a".repeat(50_000)}"`,
  nested(500),
  nested(20_000),
  "{ rate: 1/s, burst: .nan }",
  "{ rate: 999999999999G/s }",
  "{ rate: 0/s }",
  "{ rate: 1/d, burst: 1e9 }",
  "{ rate: 1/s, per: source/999 }",
  "{ rate: 1/s, per: {} }",
  "{ offset: 1e9, equal: 0x12 }",
  "{ offset: .nan, equal: 0x12 }",
  "{ offset: 1.5, equal: 0x12 }",
  `{ regex: '${"(".repeat(1000)}' }`,
  "{ regex: '(a*)*b{1,9999}' }",
  "{ regex: '((a{99}){99}){99}' }",
  `{ regex: '${"(a|b)".repeat(200)}*' }`,
  "{ bytes: '' }",
  "{ bytes: 0x }",
  "{ dns: '*.' }",
  `{ dns: '${"a.".repeat(500)}' }`,
  "{ http: {} }",
  '{ http: { host: "\\xff\\0" } }',
  `tcp ${"and tcp ".repeat(500)}`,
  `'${"(".repeat(5000)}'`,
  "'ip[ip[ip[0]]] = 0'",
  "len > 99999999999",
  "0.0.0.0/0",
  "::/0",
  "'!0.0.0.0/0'",
  "['::/0', '!::/0']",
  "::ffff:1.2.3.4/97",
  "[syn, '!syn']",
  "-5s",
  "9223372036854775807d",
];
const short = (value: string): string => (value.length > 50 ? `${value.slice(0, 50)}… (${value.length})` : value);

/** What went wrong with a text of rules: anything thrown but a diagnostic, or much time. */
function harm(yaml: string): string | undefined {
  const begin = performance.now();
  try {
    const firewall = compileFirewall(readRules({ name: "rules.yaml", text: yaml }), { file: () => "" });
    analyseRules(firewall);
    runRuleTests(firewall);
  } catch (error) {
    if (!(error instanceof DiagnosticError)) return String((error as Error).stack).slice(0, 600);
  }
  const took = performance.now() - begin;
  return took > 10_000 ? `${Math.round(took)} ms` : undefined;
}
const harms = (texts: readonly (readonly [what: string, yaml: string])[]): string[] =>
  texts.flatMap(([what, yaml]) => {
    const found = harm(yaml);
    return found === undefined ? [] : [`${what}: ${found}`];
  });

describe("rules that mean harm", () => {
  const rests = ["action: deny", "action: guard, protocol: tcp"];
  it.each(FIELDS)(
    "%s",
    (field) => {
      expect(
        harms(
          VALUES.flatMap((value) =>
            rests.map((all): readonly [string, string] => {
              const rest = all.split(", ").filter((one) => !one.startsWith(`${field}:`));
              return [
                `${short(value)} beside ${rest}`,
                `rules:\n  - { ${[...rest, `${field}: ${value}`].join(", ")} }\n`,
              ];
            }),
          ),
        ),
      ).toEqual([]);
    },
    120_000,
  );

  it.each([
    [
      "of the file",
      ["default", "interface", "sets", "rules", "tests", "services"],
      (key: string, value: string) => `${key === "rules" ? "" : "rules: []\n"}${key}: ${value}\n`,
    ],
    [
      "of sets",
      ["file", "column", "where", "is", "dynamic", "networks"],
      (key: string, value: string) =>
        `rules: [{ action: deny, source: $a }]\nsets: { a: { ${key === "file" ? "" : "file: x, "}${key}: ${value} } }\n`,
    ],
    [
      "of tests",
      ["name", "expect", "by", "packet", "hex", "state"],
      (key: string, value: string) =>
        `rules: []\ntests: [{ ${key === "expect" ? "" : "expect: allow, "}${key}: ${value} }]\n`,
    ],
    ["as names of sets", ["-"], (_: string, value: string) => `rules: []\nsets: { ${value}: 10.0.0.0/8 }\n`],
  ] as const)(
    "%s",
    (_, keys, yaml) => {
      expect(
        harms(keys.flatMap((key) => VALUES.map((value) => [`${key}: ${short(value)}`, yaml(key, value)] as const))),
      ).toEqual([]);
    },
    120_000,
  );

  it("as a whole", () => {
    const tens = "abcdefg"
      .split("")
      .map((name, i, all) => `${name}: &${name} [${Array(10).fill(i === 0 ? "1" : `*${all[i - 1]}`)}]`);
    expect(
      harms([
        ["nothing", ""],
        ["a zero", "\0"],
        ["two documents", "rules: []\n---\nrules: []\n"],
        ["half a character", "rules: \ud800"],
        ["aliases of aliases", `${tens.join("\n")}\nrules: *g\n`],
        ["many rules", `rules:\n${"  - { action: deny, protocol: tcp, source-port: 1 }\n".repeat(3000)}`],
        ["many flags", `rules:\n  - { action: deny, flags: [${"'syn,!ack', ".repeat(2000)}fin] }\n`],
        [
          "many ports",
          `rules:\n  - { action: deny, source-port: [${Array.from({ length: 5000 }, (_, i) => i * 2)}] }\n`,
        ],
      ]),
    ).toEqual([]);
  }, 120_000);

  it.each([
    ["one line", "1".repeat(20_000_000), "1: a line of 20000000 characters is none of a list of networks"],
    ["commas", ",".repeat(5_000_000), "1: a line of 5000000 characters"],
    ["quotes", '"'.repeat(60_000), `1: '${'"'.repeat(64)}…' is no address and no network`],
    [
      "lines that are none",
      "nonsense\n".repeat(300_000),
      "1: 'nonsense' is no address and no network, and 299999 lines more",
    ],
    ["zeros", "\0".repeat(60_000), "is no address and no network"],
    ["comments", `${"#".repeat(1000)}\n`.repeat(2000), "taken"],
  ])("as a file of networks: %s", (_, text, expected) => {
    const begin = performance.now();
    let said = "taken";
    try {
      compileFirewall(
        readRules({ name: "rules.yaml", text: "rules: [{ action: deny, source: $a }]\nsets: { a: { file: x } }" }),
        {
          file: () => text,
        },
      );
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      said = error.diagnostics[0]?.message ?? "";
    }
    expect(said).toContain(expected);
    expect(said.length).toBeLessThan(200);
    expect(performance.now() - begin).toBeLessThan(10_000);
  });
});
