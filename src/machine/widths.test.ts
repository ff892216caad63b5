import { expect, test } from "vitest";
import { objectOf } from "../../test/data/machine-cases.ts";
import { flowOf } from "./flow.ts";
import { type Program, prepare } from "./program.ts";
import { type Widths, widthsOf } from "./widths.ts";

const programOf = (code: string): Program => {
  const [spec] = objectOf({ code }).programs;
  return prepare(spec as NonNullable<typeof spec>, {
    map: () => undefined,
    mapValue: () => undefined,
    hasHelper: () => true,
  });
};

/** The widths of a program whose r1 to r5 can be anything. */
function widthsIn(
  code: string,
  checked = false,
): { widths: Widths; narrowAfter: (slot: number, register: number) => boolean } {
  const program = programOf(code);
  const entryBound = (register: number): number => (register >= 1 && register <= 5 ? Number.POSITIVE_INFINITY : 0);
  const widths = widthsOf({ program, flow: flowOf(program, 0), checked, entryBound, isReplaced: () => false });
  const narrowAfter = (slot: number, register: number): boolean =>
    (((widths.written[slot - widths.first] as number) >> register) & 1) === 1;
  return { widths, narrowAfter };
}

test("numbers with a bound are narrow, others only where nobody looks at their upper half", () => {
  const code = [
    "r2 = *(u32 *)(r1 + 0)", // 0: a number below 2^32
    "r3 = *(u64 *)(r1 + 8)", // 1: its upper half is asked for
    "r4 = *(u64 *)(r1 + 16)", // 2: only an index
    "r5 = r1", // 3: an address
    "r4 <<= 2", // 4
    "r5 += r4", // 5
    "r0 = *(u8 *)(r5 + 0)", // 6
    "r0 += r2", // 7: 2^32 + 254 at most
    "r0 += r3", // 8
    "exit",
  ].join("\n");
  const { narrowAfter } = widthsIn(code);
  expect(
    [0, 1, 2, 3, 4, 5, 6, 7, 8].map((slot) => narrowAfter(slot, [2, 3, 4, 5, 4, 5, 0, 0, 0][slot] as number)),
  ).toEqual([true, false, true, true, true, true, true, false, false]);
  // Where addresses are checked, all of them counts, and of what they are made of.
  const { narrowAfter: checked } = widthsIn(code, true);
  expect([checked(0, 2), checked(2, 4), checked(5, 5)]).toEqual([true, false, false]);
});

test.each([
  ["meets its end", "r0 = 0\nl: r0 += 4\nif r0 != 128 goto l\nr0 = 0\nexit", true, 32],
  ["meets its end in another form", "r0 = 0\nl: r0 += 4\nif r0 == 128 goto out\ngoto l\nout: r0 = 0\nexit", true, 32],
  ["misses its end", "r0 = 0\nl: r0 += 3\nif r0 != 128 goto l\nr0 = 0\nexit", false, undefined],
  ["starts behind its end", "r0 = 200\nl: r0 += 4\nif r0 != 128 goto l\nr0 = 0\nexit", false, undefined],
  ["is looked at afterwards", "r0 = 0\nl: r0 += 4\nif r0 != 128 goto l\nexit", false, undefined],
  ["stays below its end", "r0 = 0\nl: r0 += 3\nif r0 < 128 goto l\nr0 = 0\nexit", true, undefined],
  ["is counted twice", "r0 = 0\nl: r0 += 3\nr0 += 1\nif r0 < 128 goto l\nr0 = 0\nexit", false, undefined],
  ["comes from outside", "r6 = 0\nl: r1 += 4\nif r1 != 128 goto l\nr0 = 0\nexit", false, undefined],
  [
    "starts in two places",
    "r0 = 0\nif r1 == 0 goto l\nr0 = 64\nl: r0 += 4\nif r0 != 128 goto l\nr0 = 0\nexit",
    true,
    16,
  ],
])("a counter that %s", (_, code, bounded, turns) => {
  const { widths, narrowAfter } = widthsIn(code);
  const program = programOf(code);
  const at = Array.from({ length: program.slots }, (_, slot) => slot).find((slot) => program.code[slot * 8] === 0x07);
  const register = program.code[(at as number) * 8 + 1] as number;
  expect(narrowAfter(at as number, register)).toBe(bounded);
  expect([...widths.turns.values()]).toEqual(turns === undefined ? [] : [turns]);
});
