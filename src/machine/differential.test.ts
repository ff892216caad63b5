import { expect, test } from "vitest";
import { differenceOf } from "../../test/data/machine-differential.ts";

const PROGRAMS = Number(process.env.SCRY_PROGRAMS ?? 2000);
const SEED = Number(process.env.SCRY_SEED ?? Math.floor(Math.random() * 2 ** 31));

test(`${PROGRAMS} random programs from seed ${SEED}: every tier gives the same`, { timeout: 300_000 }, () => {
  for (let i = 0; i < PROGRAMS; i++) expect(differenceOf(SEED + i)).toBeUndefined();
});
