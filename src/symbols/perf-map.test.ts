import { expect, it } from "vitest";
import { PerfMap } from "./index.ts";

const map = new PerfMap(
  "1000 100 LazyCompile:~first file.js:1\n1080 10 inner\n0x2000 0x20 second one\n1000 80 moved over first\nrubbish\n",
);

for (const [address, name] of [
  [0xfff, undefined],
  [0x1000, "moved over first"],
  [0x1085, "inner"],
  [0x10a0, "LazyCompile:~first file.js:1"],
  [0x1100, undefined],
  [0x201f, "second one"],
  [0x2020, undefined],
] as const) {
  it(`a JIT's function at 0x${address.toString(16)}`, () => expect(map.lookup(address)?.name).toBe(name));
}
