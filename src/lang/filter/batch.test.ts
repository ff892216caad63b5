// Filters compiled to WebAssembly against their classic programs: the same packets, whole, bent and cut off.
import { describe, expect, it } from "vitest";
import { askedPacket } from "../../../test/support/asked-packets.ts";
import {
  bent,
  filterFixtures,
  filterTable,
  type Packet,
  pick,
  randomOf,
  tracePackets,
} from "../../../test/support/filter-packets.ts";
import { randomFilter } from "../../../test/support/filter-texts.ts";
import { DiagnosticError } from "../../source/index.ts";
import { PacketMemory } from "./batch.ts";
import { type CompiledFilter, compileFilter } from "./compile-filter.ts";
import { linkTypes } from "./link-types.ts";

const seed = Number(process.env["SCRY_SEED"] ?? 7);

/** Puts packets into a memory, from its start or end on; behind them lies what no packet has. */
function loaded(packets: readonly Packet[], memory: PacketMemory): void {
  memory.bytes.fill(0xa5, memory.start);
  let at = memory.start;
  packets.forEach(({ data, length }, i) => {
    memory.bytes.set(data, at);
    memory.describe(i, at, at, data.length, length);
    at += data.length + (i % 3);
  });
  if (at > memory.end) throw new Error("the packets do not fit");
}

function matching(filter: CompiledFilter, memory: PacketMemory, count: number): number[] {
  const found = memory.compile(filter)(count);
  return [...memory.words.subarray(memory.list, memory.list + found)].map((entry) => (entry - memory.table * 4) / 16);
}

function differing(filter: CompiledFilter, packets: readonly Packet[], memory: PacketMemory): number | undefined {
  const found = new Set(matching(filter, memory, packets.length));
  const wrong = packets.findIndex(({ data, length }, i) => filter.matches(data, { length }) !== found.has(i));
  return wrong < 0 ? undefined : wrong;
}

const cut = ({ data, length }: Packet, random: () => number): Packet => ({
  data: data.subarray(0, Math.floor(random() * Math.min(data.length, 90))),
  length,
});

describe("filters over many packets", () => {
  it("answer in the order of the packets", () => {
    const memory = new PacketMemory({ bytes: 1000, packets: 3 });
    const arp = new Uint8Array(14);
    arp.set([8, 6], 12);
    loaded(
      [arp, new Uint8Array(14), arp].map((data) => ({ data, length: 14 })),
      memory,
    );
    expect(matching(compileFilter("arp"), memory, 3)).toEqual([0, 2]);
    expect(matching(compileFilter("not arp"), memory, 3)).toEqual([1]);
    expect(matching(compileFilter(""), memory, 3)).toEqual([0, 1, 2]);
    expect(matching(compileFilter("arp"), memory, 0)).toEqual([]);
    expect(matching(compileFilter("len > 13"), memory, 3)).toEqual([0, 1, 2]);
    expect(matching(compileFilter("len > 14"), memory, 3)).toEqual([]);
    expect(matching(compileFilter("ether[4294967295] = 0"), memory, 3)).toEqual([]);
    expect(matching(compileFilter("1 / (len - 14) = 0"), memory, 3)).toEqual([]);
  });

  it.skipIf(!filterFixtures)("match what their classic programs match: the golden tables", () => {
    const random = randomOf(seed);
    const whole = tracePackets().filter((_, i) => i % 3 === 0);
    const packets = whole.flatMap((packet) => [packet, bent(packet, random), cut(bent(packet, random), random)]);
    const memory = new PacketMemory({ bytes: 2 << 20 });
    loaded(packets, memory);
    const rows = filterTable<{ expr: string; dlt: string; opt: boolean }>("golden.json");
    const wrong: string[] = [];
    for (const { expr, dlt, opt } of rows) {
      const filter = compileFilter(expr, { linkType: dlt, mayMatchNothing: true, optimize: opt });
      const which = differing(filter, packets, memory);
      if (which !== undefined)
        wrong.push(`${dlt} ${expr} (seed ${seed}): ${Buffer.from((packets[which] as Packet).data).toString("hex")}`);
    }
    expect(rows.length).toBeGreaterThan(800);
    expect(wrong).toEqual([]);
  });

  it.skipIf(!filterFixtures)("match what their classic programs match: generated filters, chains and frames", () => {
    const random = randomOf(seed);
    const frames = tracePackets()
      .filter((_, i) => i % 8 === 0)
      .flatMap((packet) => [packet, bent(packet, random), cut(packet, random)]);
    const memory = new PacketMemory({ bytes: 2 << 20 });
    loaded(frames, memory);
    const small = new PacketMemory({ bytes: 1 << 16 });
    const protocols = linkTypes().filter(({ framing }) => framing !== "raw");
    const links = ["EN10MB", "EN10MB", ...protocols.map(({ name }) => name)];
    const chains = [
      "ip6 protochain 6",
      "ip protochain 17",
      "ip6 protochain 58 or ip protochain 6",
      "wlan host 2:0:5e:0:0:1",
    ];
    const wrong: string[] = [];
    let compared = 0;
    for (let i = 0; i < 400; i++) {
      const text = i < 40 ? pick(random, chains) : randomFilter(random, i % 5 === 0 ? 4 : 2);
      const linkType = pick(random, links);
      let filter: CompiledFilter;
      try {
        filter = compileFilter(text, { linkType, mayMatchNothing: true, optimize: i % 4 !== 0 });
      } catch (error) {
        if (error instanceof DiagnosticError) continue;
        throw error;
      }
      compared++;
      const code = filter.classic.map(({ code, jt, jf, k }) => [code, jt, jf, k]);
      const asked = Array.from({ length: 40 }, () => askedPacket(code, random));
      loaded(asked, small);
      for (const [packets, room] of [[frames, memory] as const, [asked, small] as const]) {
        const which = differing(filter, packets, room);
        if (which !== undefined)
          wrong.push(
            `${linkType} ${text} (seed ${seed}): ${Buffer.from((packets[which] as Packet).data).toString("hex")}`,
          );
      }
    }
    expect(compared).toBeGreaterThan(200);
    expect(wrong).toEqual([]);
  });

  it("have thousands of tests", () => {
    const hosts = Array.from({ length: 3000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`).join(" or ");
    const memory = new PacketMemory({ bytes: 1000, packets: 2 });
    const to = (last: number): Packet => {
      const data = new Uint8Array(60);
      data.set([8, 0], 12);
      data.set([10, 0, 11, last], 26);
      return { data, length: 60 };
    };
    loaded([to(183), to(184)], memory);
    expect(matching(compileFilter(`src host ${hosts}`), memory, 2)).toEqual([0]);
  });
});
