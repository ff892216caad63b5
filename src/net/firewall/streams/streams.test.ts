// What rules of content make of streams: cases in words, and generated streams on the embedded machine against the reference.

import { describe, expect, it } from "vitest";
import { clientHello, dnsQuestion, httpRequest } from "../../../../test/support/content-cases.ts";
import { contentRules, streamFrames } from "../../../../test/support/random-streams.ts";
import { Random } from "../../../../test/support/random-words.ts";
import { embedded } from "../../../machine/index.ts";
import { packet } from "../../../packets/index.ts";
import { compileFirewall, type RulesData, referenceFirewall, rulesOf } from "../index.ts";

const seed = Number(process.env["SCRY_SEED"] ?? 20261129);
const runs = Number(process.env["SCRY_RUNS"] ?? 25);

/** Says what becomes of each frame: by the program, which the reference must agree with. */
function judging(data: RulesData): (frames: readonly Uint8Array[]) => string {
  const read = rulesOf(data);
  const firewall = compileFirewall(read);
  const reference = referenceFirewall(read, firewall.sets);
  const machines = (["interpreter", "jit"] as const).map((tier) => embedded(firewall.object, { tier }));
  return (frames) =>
    frames
      .map((bytes) => {
        const { action } = reference.judge(bytes, { now: 1n });
        const wanted = { allow: "+", deny: "-", reject: "r", guard: "+" }[action];
        let done = "";
        for (const machine of machines) {
          const { value, trap } = machine.run("firewall", { packet: bytes });
          done = trap?.message ?? ({ 1: "-", 2: "+", 3: "r" }[Number(value)] as string);
          // Resets and frames of VLANs are rejected without an answer.
          expect(wanted === "r" && done === "-" ? "r" : done).toBe(wanted);
        }
        return done;
      })
      .join("");
}

const BEGIN = 5000;
interface Part {
  readonly at?: number;
  readonly bytes?: Uint8Array | string;
  readonly flags?: Readonly<Record<string, boolean>>;
  readonly fragment?: boolean;
}
/** Segments of one flow; `at` counts from the first byte behind the SYN. */
const flow = (parts: readonly Part[]): Uint8Array[] =>
  parts.map(({ at = 0, bytes = "", flags = { ack: true }, fragment = false }) =>
    packet()
      .eth()
      .ipv4(fragment ? { moreFragments: true } : {})
      .tcp({ source: 1000, destination: 443, sequence: (BEGIN + 1 + at) >>> 0, ...flags })
      .payload(bytes)
      .bytes(),
  );
const SYN: Part = { at: -1, flags: { syn: true } };
const hello = clientHello("evil.example", 30);
const cut = (bytes: Uint8Array, ...places: number[]): Part[] =>
  [0, ...places].map((at, i) => ({ at, bytes: bytes.subarray(at, places[i] ?? bytes.length) }));
const DENY: RulesData = { rules: [{ action: "deny", protocol: "tcp", content: { tls: "evil.example" } }] };
const cutGreeting = Uint8Array.from(hello, (byte, i) => (i === 4 ? 9 : byte));
/** Greetings that put much before the name. */
const many = clientHello("evil.example", 45, 0, 0);
const padded = clientHello("evil.example", 39);
const friendly = Uint8Array.from([...clientHello("good.example", 2), ...new Uint8Array(2500)]);
const dnsBytes = Uint8Array.from([dnsQuestion("evil.example").length, ...dnsQuestion("evil.example")]);
/** Past 4 GiB the first bytes' numbers come again, and are others'. */
const LONG: Part[] = [
  SYN,
  { bytes: "x".repeat(1200) },
  { at: 1200, bytes: "x".repeat(1200) },
  { at: 2 ** 30 + 5, bytes: "y" },
  { at: 2 ** 31 + 5, bytes: "y" },
  { at: 2 ** 32, bytes: "y".repeat(1200) },
];
const request = httpRequest("GET", "/", "evil.example", 40);
const HOST: RulesData = { rules: [{ action: "deny", content: { http: { host: "evil.example" } } }] };

describe("a stream", () => {
  const [first, second] = cut(hello, 700) as [Part, Part];
  it.each<[string, RulesData, Part[], string]>([
    ["whose name comes in the second segment", DENY, [SYN, first, second], "++-"],
    ["and all that comes behind it, and before it again", DENY, [SYN, first, second, first, second, {}], "++----"],
    ["without a SYN", DENY, [first, second], "+-"],
    ["in the other order", DENY, [SYN, second, first], "++-"],
    [
      "of single bytes",
      DENY,
      [SYN, ...cut(hello, ...Array.from({ length: hello.length - 1 }, (_, i) => i + 1))],
      `++${"+".repeat(hello.length - 9)}${"-".repeat(8)}`,
    ],
    ["that says other bytes than before", DENY, [SYN, { bytes: "x".repeat(700) }, first, second], "++-+"],
    ["that says them in part again", DENY, [SYN, first, { ...second, at: 650, bytes: hello.subarray(650) }], "++-"],
    ["of a fragment", DENY, [SYN, { ...first, fragment: true }], "+-"],
    [
      "behind a second SYN",
      DENY,
      [SYN, first, { at: 99, flags: { syn: true } }, { at: 100, ...second, bytes: hello }],
      "++++",
    ],
    ["that begins with its SYN", DENY, [{ ...SYN, bytes: hello.subarray(0, 700) }, second], "+-"],
    ["of HTTP", HOST, [SYN, ...cut(request, 100, 400)], "+++-"],
    ["before its SYN", DENY, [SYN, { at: -5, bytes: hello }], "+-"],
    [
      "that is rejected, but not where it is unclear",
      { rules: [{ action: "reject", content: { tls: "evil.example" } }] },
      [SYN, first, { bytes: "x" }, second],
      "++-r",
    ],
    [
      "that is allowed by what it says, from then on",
      { default: "deny", rules: [{ action: "allow", content: { tls: "evil.example" } }] },
      [SYN, first, second, first, {}, { bytes: "y" }],
      "--+++-",
    ],
    ["whose greeting goes on in a second record", DENY, [SYN, { bytes: cutGreeting }, { at: 2000, bytes: "x" }], "+--"],
    [
      "of DNS, behind its length",
      { rules: [{ action: "deny", "destination-port": 443, content: { dns: "evil.example" } }] },
      [SYN, { bytes: "\0" }, { at: 1, bytes: dnsBytes }],
      "++-",
    ],
    [
      "of DNS at a port that no rule names",
      { rules: [{ action: "deny", content: { dns: "evil.example" } }] },
      [SYN, { bytes: "\0" }, { at: 1, bytes: dnsBytes }, { bytes: "x" }],
      "++++",
    ],
    ["that is longer than its numbers", DENY, LONG, "++++++"],
    ["whose greeting has more extensions than are looked at", DENY, [SYN, { bytes: many }], "+-"],
    ["whose name lies behind the bytes that are kept", DENY, [SYN, ...cut(padded, 1000, 2000)], "+++-"],
    ["that is long, but says its name soon", DENY, [SYN, ...cut(friendly, 1000, 2000)], "++++"],
    ["with urgent data", DENY, [SYN, { bytes: hello.subarray(0, 70), flags: { ack: true, urg: true } }], "+-"],
    ["that goes on far behind", DENY, [SYN, { at: 100_000, bytes: hello }], "++"],
  ])("%s", (_, data, parts, expected) => expect(judging(data)(flow(parts))).toBe(expected));
});

it("generated streams and rules: interpreter, JIT and reference agree", () => {
  const count: Record<string, number> = {};
  for (let i = 0; i < runs; i++) {
    const random = new Random(seed + i);
    const data = contentRules(random);
    let made = "";
    try {
      const fates = judging(data);
      for (let n = 0; n < 8; n++) made += fates(streamFrames(random));
    } catch (error) {
      throw new Error(`seed ${seed + i}: ${JSON.stringify(data)}`, { cause: error });
    }
    for (const one of made) count[one] = (count[one] ?? 0) + 1;
  }
  console.log(`seeds from ${seed} on: ${JSON.stringify(count)}`);
  expect(Math.min(count["+"] ?? 0, count["-"] ?? 0)).toBeGreaterThan(runs);
}, 300_000);
