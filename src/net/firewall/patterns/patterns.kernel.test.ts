// The functions over payloads in the kernel: they answer as the reference does.

import { expect, it } from "vitest";
import { answering, CONTENT_CASES, clientHello, randomRegex } from "../../../../test/support/content-cases.ts";
import { Random } from "../../../../test/support/random-words.ts";
import { loadObject, testRun } from "../../../kernel/index.ts";
import { packet } from "../../../packets/index.ts";
import { type CompiledContent, type ContentMatcher, compileContent, matchPayload } from "./index.ts";

const seed = Number(process.env["SCRY_SEED"] ?? 20261129);
const framed = (payload: Uint8Array): Uint8Array => packet().eth().ipv4({}).udp({}).payload(payload).bytes();

/** Compares the kernel's answers with the reference's; gives how many had a bit. */
function compare(
  content: CompiledContent,
  matcher: ContentMatcher,
  payloads: readonly Uint8Array[],
  type: "xdp" | "sched_cls" = "xdp",
): number {
  using loaded = loadObject(answering(content, matcher.functionName, type));
  const { fd } = loaded.programs.get("main")!;
  const answer = loaded.maps.get("answer")!;
  let found = 0;
  for (const [i, payload] of payloads.entries()) {
    testRun(fd, { data: framed(payload) });
    const here = new DataView(answer.lookup(new Uint8Array(4))!.slice().buffer).getBigUint64(0, true);
    expect(here, `seed ${seed}, ${matcher.name}, payload ${i}`).toBe(matchPayload(matcher, payload));
    if (here !== 0n) found++;
  }
  return found;
}

it("cases in words", () => {
  const { content } = compileContent(CONTENT_CASES.map(([, pattern], id) => ({ id, pattern })));
  const payloads = CONTENT_CASES.map(([, , payload]) => payload);
  for (const matcher of content!.matchers) expect(compare(content!, matcher, payloads)).toBeGreaterThan(2);
});

it("cases in words, in programs of tc", () => {
  const conditions = CONTENT_CASES.map(([, pattern], id) => ({ id, pattern }));
  const { content } = compileContent(conditions, { context: "tc" });
  const payloads = CONTENT_CASES.map(([, , payload]) => payload);
  for (const matcher of content!.matchers) expect(compare(content!, matcher, payloads, "sched_cls")).toBeGreaterThan(2);
});

it("generated patterns and payloads", () => {
  const random = new Random(seed);
  let found = 0;
  for (let round = 0; round < 15; round++) {
    const sources = Array.from({ length: 1 + random.below(5) }, () => randomRegex(random)).filter(
      (one) => !new RegExp(one).test(""),
    );
    const { content } = compileContent(
      sources.map((regex, id) => ({ id, pattern: { regex } })),
      { bytes: random.pick([8, 64, 256, 1536]) },
    );
    if (content === undefined) continue;
    const payloads = Array.from({ length: 150 }, () =>
      Uint8Array.from({ length: random.below(1400) }, () => random.pick([..."abcd1_\n\x00\xff"]).charCodeAt(0)),
    );
    found += compare(content, content.matchers[0]!, payloads);
  }
  expect(found).toBeGreaterThan(500);
});

it("damaged greetings of TLS", () => {
  const random = new Random(seed);
  const { content } = compileContent([{ id: 1, pattern: { tls: "example.com" } }]);
  const payloads = Array.from({ length: 2000 }, () => {
    const bytes = clientHello(
      random.pick(["example.com", "a.example.com", undefined]),
      random.below(5),
      random.below(33),
    );
    for (let n = random.below(3); n > 0; n--) bytes[random.below(bytes.length)] = random.below(256);
    return random.chance(20) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
  });
  expect(compare(content!, content!.matchers[0]!, payloads)).toBeGreaterThan(500);
});

it("a thousand patterns, and three thousand", () => {
  const random = new Random(seed);
  for (const count of [1000, 3000]) {
    const conditions = Array.from({ length: count }, (_, i) => ({
      id: i % 64,
      pattern: {
        bytes: Array.from({ length: 6 + random.below(6) }, () => random.pick([..."abcdefghijklmnopqrstuvwxyz"])).join(
          "",
        ),
      },
    }));
    const { content, diagnostics } = compileContent(conditions);
    expect(diagnostics).toEqual([]);
    const payloads = Array.from({ length: 50 }, () =>
      new TextEncoder().encode(`..${random.pick(conditions).pattern.bytes}.${random.pick(conditions).pattern.bytes}`),
    );
    expect(compare(content!, content!.matchers[0]!, payloads)).toBe(50);
  }
});
