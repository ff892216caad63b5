// The tables of the fixtures: programs that libpcap made of 829 expressions, and the packets that those match.
import { describe, expect, it } from "vitest";
import {
  bent,
  filterFixtures,
  filterTable,
  randomOf,
  reference,
  tracePackets,
} from "../../../test/support/filter-packets.ts";
import { compileFilter } from "./compile-filter.ts";

interface Row {
  readonly expr: string;
  readonly dlt: string;
  readonly opt: boolean;
  readonly code: readonly (readonly number[])[];
  readonly code_1_11?: Row["code"];
}

describe.skipIf(!filterFixtures)("the golden tables", () => {
  const rows = filterFixtures ? filterTable<Row>("golden.json") : [];
  const packets = filterFixtures ? tracePackets() : [];

  it("match the packets that libpcap matched", () => {
    const table = filterTable<{ expr: string; dlt: string; matches: number; bitmap: string }>("golden-matches.json");
    const wrong: string[] = [];
    for (const { expr, dlt, matches, bitmap } of table) {
      const filter = compileFilter(expr, { linkType: dlt, mayMatchNothing: true });
      const bits = Buffer.from(bitmap, "hex");
      let count = 0;
      packets.forEach(({ data, length }, i) => {
        const does = filter.matches(data, { length });
        count += Number(does);
        if (Number(does) !== (((bits[i >> 3] as number) >> (i & 7)) & 1)) wrong.push(`${expr}: packet ${i}`);
      });
      if (count !== matches) wrong.push(`${expr}: ${count} of ${matches}`);
    }
    expect(table.length).toBeGreaterThan(200);
    expect(wrong).toEqual([]);
  });

  it("match what libpcap's programs match, of bent packets too", () => {
    const seed = 13;
    const random = randomOf(seed);
    const wrong: string[] = [];
    for (const { expr, dlt, opt, code } of rows) {
      const filter = compileFilter(expr, { linkType: dlt, mayMatchNothing: !opt });
      const theirs = reference(code);
      for (const packet of packets) {
        for (const { data, length } of [packet, bent(packet, random)]) {
          if (filter.matches(data, { length }) !== (theirs(data, { length }) !== 0)) {
            wrong.push(`${dlt} ${expr} (seed ${seed}): ${Buffer.from(data).toString("hex")}`);
            break;
          }
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it("are seldom shorter", () => {
    let shorter = 0;
    let ours = 0;
    let theirs = 0;
    const longer: string[] = [];
    for (const { expr, dlt, opt, code, code_1_11 } of rows) {
      const { length } = compileFilter(expr, { linkType: dlt, mayMatchNothing: !opt }).classic;
      const least = Math.min(code.length, code_1_11?.length ?? code.length);
      ours += length;
      theirs += least;
      if (length <= least) continue;
      shorter++;
      longer.push(`${dlt} ${expr}: ${length}, libpcap ${least}`);
    }
    console.log(
      `instructions: ${ours}, libpcap's shorter programs ${theirs}; longer in ${shorter} of ${rows.length} rows`,
      longer,
    );
    expect(shorter / rows.length).toBeLessThan(0.05);
  });

  it("refuse what libpcap refuses", () => {
    for (const { expr, dlt, opt } of filterTable<{ expr: string; dlt: string; opt: boolean }>("golden-reject.json")) {
      expect(() => compileFilter(expr, { linkType: dlt, mayMatchNothing: !opt }), `${dlt} ${expr}`).toThrow(/SCRY15/);
    }
  });
});

/** Reading past the end answers no in any order of reads: only whole packets must agree; these must not fail. */
describe.skipIf(!filterFixtures)("packets that are cut off", () => {
  it("match as with libpcap's optimized program", () => {
    const random = randomOf(5);
    const rows = filterTable<Row>("golden.json").filter(({ opt, dlt }) => opt && dlt === "EN10MB");
    const packets = tracePackets();
    let differ = 0;
    let all = 0;
    for (const { expr, code } of rows) {
      const filter = compileFilter(expr, { linkType: "EN10MB" });
      const theirs = reference(code);
      for (const { data, length } of packets) {
        const cut = data.subarray(0, Math.floor(random() * data.length));
        all++;
        if (filter.matches(cut, { length }) !== (theirs(cut, { length }) !== 0)) differ++;
      }
    }
    console.log(`cut packets: ${differ} of ${all} otherwise than by libpcap`);
    expect(differ / all).toBeLessThan(0.0001);
  });
});
