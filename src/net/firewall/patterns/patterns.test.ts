// Conditions about what packets say: cases in words, generated expressions against JavaScript's own, and the functions on the embedded
// machine against the reference.

import { describe, expect, it } from "vitest";
import { answering, CONTENT_CASES, clientHello, randomRegex } from "../../../../test/support/content-cases.ts";
import { randomMessage } from "../../../../test/support/dns-messages.ts";
import { Random } from "../../../../test/support/random-words.ts";
import { embedded, type Machine } from "../../../machine/index.ts";
import { decodePacket, packet } from "../../../packets/index.ts";
import { type Automaton, automatonOf, TooManyStates, walk } from "./automaton.ts";
import {
  type CompiledContent,
  type ContentCondition,
  compileContent,
  holds,
  matchPayload,
  serverName,
} from "./index.ts";
import { parseRegex, type Regex } from "./regex.ts";
import { literal } from "./tree.ts";

const seed = Number(process.env["SCRY_SEED"] ?? 20261129);
const compiled = (conditions: readonly ContentCondition[]): CompiledContent => {
  const { content, diagnostics } = compileContent(conditions);
  if (content === undefined) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  return content;
};
const told = (conditions: readonly ContentCondition[]): string =>
  compileContent(conditions)
    .diagnostics.map(({ code, message, hints }) => [code, message, ...(hints ?? [])].join(" "))
    .join("\n");
const answers = (content: CompiledContent, payload: Uint8Array): Map<string, bigint> =>
  new Map(content.matchers.map((matcher) => [matcher.functionName, matchPayload(matcher, payload)]));
const framed = (payload: Uint8Array): Uint8Array => packet().eth().ipv4({}).udp({}).payload(payload).bytes();

/** Undefined: it has more states than there may be. */
function alone(regex: Regex): Automaton | undefined {
  try {
    return automatonOf([{ ...regex, mask: 1n }]);
  } catch (error) {
    if (error instanceof TooManyStates) return undefined;
    throw error;
  }
}

/** What the function answers on the embedded machine. */
function answerOf(machine: Machine, payload: Uint8Array): bigint {
  machine.run("main", { packet: framed(payload) });
  return new DataView(machine.maps.get("answer")!.lookup(new Uint8Array(4))!.slice().buffer).getBigUint64(0, true);
}

describe("a condition", () => {
  const content = compiled(CONTENT_CASES.map(([, pattern], id) => ({ id, pattern })));
  const machines = new Map(
    content.matchers.map(({ functionName }) => [functionName, embedded(answering(content, functionName))]),
  );
  it.each(CONTENT_CASES.map((one, id) => [one[0], id, ...one.slice(2)] as [string, number, Uint8Array, boolean]))(
    "on %s",
    (_, id, payload, wanted) => {
      const tests = content.tests.get(id)!;
      expect(holds(tests, answers(content, payload))).toBe(wanted);
      const here = new Map([...machines].map(([name, machine]) => [name, answerOf(machine, payload)]));
      expect(holds(tests, here)).toBe(wanted);
      expect(here).toEqual(answers(content, payload));
    },
  );

  it.each([
    [{ bytes: "" }, "A pattern without bytes is in every packet"],
    [{ regex: "a*" }, "SCRY1640 The expression matches nothing at all"],
    [{ regex: "(a" }, "'(a': a group is not closed, at character 3"],
    [{ regex: "a)" }, "')' closes nothing, at character 2"],
    [{ regex: "*a" }, "nothing stands here to be repeated, at character 1"],
    [{ regex: "a{3,2}" }, "the numbers are the wrong way round"],
    [{ regex: "a{1,9999}" }, "more than 255 times"],
    [{ regex: "a$" }, "'$' is not there"],
    [{ regex: "(a)\\1" }, "a group cannot be referred to"],
    [{ regex: "(?=a)b" }, "groups that look around"],
    [{ regex: "a+?b" }, "neither lazy nor possessive"],
    [{ regex: "[b-a]" }, "a range ends before it begins"],
    [{ regex: "[a" }, "a set is not closed"],
    [{ regex: "\\q" }, "\\q means nothing here"],
    [{ regex: "\\" }, "nothing stands behind the last \\"],
    [{ regex: "^a|b" }, "'^' is about the first branch alone"],
    [{ regex: "(".repeat(1000) }, "groups lie more than 50 deep"],
    [{ regex: "(?:.{200}){200}x" }, "SCRY1641 The patterns of content make an automaton that is too large"],
    [{ regex: "a.{100}b.{100}c" }, "SCRY1641"],
    [{ dns: "a..b" }, "'a..b' is no name"],
    [{ tls: "a b" }, "'a b' is no name"],
    [{ http: {} }, "Nothing is asked of the request"],
    [{ http: { method: "get" } }, "'get' is no method of HTTP"],
    [{ http: { path: "api" } }, "'api' is no path"],
  ] as const)("%j is told as %j", (pattern, message) => {
    expect(told([{ id: 1, pattern }])).toContain(message);
  });

  it("is one of 64 of a kind", () => {
    const many = (count: number): ContentCondition[] =>
      Array.from({ length: count }, (_, id) => ({ id, pattern: { bytes: `pattern ${id}` } }));
    expect(told(many(64))).toBe("");
    expect(told(many(65))).toContain("SCRY1641 65 rules ask about content: more than 64");
    expect(told(many(3000).map((one) => ({ ...one, id: one.id % 64 })))).toBe("");
  });
});

describe("generated", () => {
  it("expressions match what JavaScript's match", () => {
    const random = new Random(seed);
    const count = { yes: 0, no: 0, large: 0 };
    for (let i = 0; i < 500; i++) {
      const source = randomRegex(random);
      const theirs = new RegExp(source);
      if (theirs.test("")) continue;
      const regex = parseRegex(source);
      if ("wrong" in regex) throw new Error(`seed ${seed}: ${source}: ${regex.wrong}`);
      const automaton = alone(regex);
      if (automaton === undefined) {
        count.large++;
        continue;
      }
      for (let n = 0; n < 20; n++) {
        const text = Array.from({ length: random.below(14) }, () => random.pick([..."aabbccd1\n_"])).join("");
        const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
        const found = walk(automaton, bytes) !== 0n;
        if (found !== theirs.test(text))
          throw new Error(`seed ${seed}: ${source} over ${JSON.stringify(text)}: ${found}`);
        count[found ? "yes" : "no"]++;
      }
    }
    console.log(`seed ${seed}: ${count.yes} matches, ${count.no} none; ${count.large} are too large`);
    expect(count.large).toBeLessThan(10);
    expect(Math.min(count.yes, count.no)).toBeGreaterThan(1500);
  });

  it("patterns, all at once, match what each alone does, on the embedded machine too", () => {
    const random = new Random(seed);
    let matches = 0;
    for (let round = 0; round < 30; round++) {
      const sources = Array.from({ length: random.below(5) }, () => randomRegex(random)).filter(
        (one) => !new RegExp(one).test(""),
      );
      const words = Array.from({ length: random.below(60) }, () =>
        Array.from({ length: 1 + random.below(6) }, () => random.pick([..."abcd1"])).join(""),
      );
      const conditions = [...sources.map((regex) => ({ regex })), ...words.map((bytes) => ({ bytes }))].map(
        (pattern, i) => ({
          id: i % 64,
          pattern,
        }),
      );
      const made = compileContent(conditions);
      if (made.content === undefined) continue;
      const [matcher] = made.content.matchers;
      if (matcher === undefined) continue;
      const machine = embedded(answering(made.content, matcher.functionName));
      for (let n = 0; n < 25; n++) {
        const text = Array.from({ length: random.below(300) }, () => random.pick([..."abcd1_\n\x00\xff"])).join("");
        const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
        let wanted = 0n;
        for (const { id, pattern } of conditions) {
          const seen = text.slice(0, matcher.bytes);
          const there = "regex" in pattern ? new RegExp(pattern.regex).test(seen) : seen.includes(pattern.bytes);
          if (there) wanted |= made.content.tests.get(id)![0]!.bits;
        }
        expect(matchPayload(matcher, bytes), `seed ${seed}`).toBe(wanted);
        // A frame has 46 bytes of payload at least, which the builder does not add.
        expect(answerOf(machine, bytes), `seed ${seed}`).toBe(wanted);
        if (wanted !== 0n) matches++;
      }
    }
    expect(matches).toBeGreaterThan(100);
  });

  it("greetings of TLS, damaged, are read alike", () => {
    const random = new Random(seed);
    const content = compiled([{ id: 1, pattern: { tls: "example.com" } }]);
    const [matcher] = content.matchers;
    const machine = embedded(answering(content, matcher!.functionName));
    let named = 0;
    for (let i = 0; i < 3000; i++) {
      const bytes = clientHello(
        random.pick(["example.com", "a.example.com", "x.org", undefined]),
        random.below(5),
        random.below(33),
      );
      const damage = random.below(3);
      for (let n = damage; n > 0; n--) bytes[random.below(bytes.length)] = random.below(256);
      const payload = random.chance(20) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
      expect(answerOf(machine, payload), `seed ${seed}, ${i}`).toBe(matchPayload(matcher!, payload));
      const name = serverName(payload);
      if (name === undefined) continue;
      named++;
      // The decoder of packets says the same where nothing is damaged.
      if (payload === bytes && damage === 0) {
        const { message } = decodePacket(packet().eth().ipv4({}).tcp({ destination: 443 }).payload(payload).bytes());
        const text = String.fromCharCode(...name);
        expect(message?.fields["serverName"]).toBe(text);
      }
    }
    expect(named).toBeGreaterThan(1000);
  });

  it("DNS messages, damaged, ask for what the reader of names reads", () => {
    const random = new Random(seed);
    const content = compiled([{ id: 1, pattern: { dns: "b.example" } }]);
    const [matcher] = content.matchers;
    const machine = embedded(answering(content, matcher!.functionName));
    let found = 0;
    for (let i = 0; i < 1500; i++) {
      const payload = randomMessage(
        random,
        ["b.example", "x.b.example", "example", "xb.example", "b.example.org"],
        [Uint8Array.of(1, 2, 3, 4)],
      );
      const answer = matchPayload(matcher!, payload);
      expect(answerOf(machine, payload), `seed ${seed}, ${i}`).toBe(answer);
      if (answer !== 0n) found++;
    }
    expect(found).toBeGreaterThan(300);
  });
});

it("an automaton of a thousand words has few states for each", () => {
  const random = new Random(seed);
  const words = Array.from({ length: 1000 }, () =>
    Array.from({ length: 8 }, () => random.pick([..."abcdefghijklmnopqrstuvwxyz"])).join(""),
  );
  const automaton = automatonOf(words.map((word) => ({ tree: literal(word), anchored: false, mask: 1n })));
  expect(automaton.states).toBeLessThan(7200);
  expect(automaton.classes).toBe(27);
  for (const word of words.slice(0, 100)) expect(walk(automaton, new TextEncoder().encode(`xx${word}`))).toBe(1n);
});
