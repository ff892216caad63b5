import { expect, test } from "vitest";
import { TIERS } from "../../test/data/machine-differential.ts";
import { randomNumbers } from "../../test/data/random-program.ts";
import { operationsOf } from "../isa/index.ts";
import { embeddedRaw } from "./machine.ts";

const SEED = Number(process.env.SCRY_SEED ?? Math.floor(Math.random() * 2 ** 31));
const PROGRAMS = 1500;

/** Mostly valid instructions with random fields, so that many programs get past the decoder; some plain noise. */
function randomBytes(next: () => number): Uint8Array {
  const count = 1 + (next() % 40);
  const bytes = new Uint8Array(count * 8);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < count; i++) {
    const at = i * 8;
    if (next() % 40 === 0) {
      for (let j = 0; j < 8; j++) bytes[at + j] = next();
      continue;
    }
    let rows = operationsOf(next() % 256);
    while (rows.length === 0) rows = operationsOf(next() % 256);
    const row = rows[next() % rows.length]!;
    const value = (field: unknown, free: number, limit = 11): number =>
      typeof field === "number" ? field : field === "register" ? next() % limit : free;
    bytes[at] = row.op;
    bytes[at + 1] = (value(row.src, 0) << 4) | value(row.dst, 0, (row.op & 7) === 2 || (row.op & 7) === 3 ? 11 : 10);
    const jump = (row.op & 7) === 5 || (row.op & 7) === 6;
    view.setInt16(at + 2, value(row.off, jump ? (next() % count) - i - 1 : (next() % 64) - 32), true);
    const imm =
      row.form === "call" && row.src === 1
        ? (next() % count) - i - 1
        : row.form === "call"
          ? next() % 220
          : next() % 3
            ? (next() % 64) - 16
            : next();
    view.setInt32(at + 4, value(row.imm, row.text === "gotol" ? (next() % count) - i - 1 : imm) | 0, true);
  }
  view.setBigUint64((count - 1) * 8, 0x95n, true);
  return bytes;
}

test(`${PROGRAMS} programs of random bytes from seed ${SEED}: a refusal, an answer or a trap, alike in every tier`, {
  timeout: 300_000,
}, () => {
  const next = randomNumbers(SEED);
  const memory = Uint8Array.from({ length: 64 }, (_, i) => i);
  let ran = 0;
  for (let i = 0; i < PROGRAMS; i++) {
    const bytes = randomBytes(next);
    const outcomes = TIERS.filter(({ verify, verified }) => verify === false && !verified).map(({ tier, name }) => {
      let machine: ReturnType<typeof embeddedRaw>;
      try {
        machine = embeddedRaw(bytes, { batchBytes: 64, budget: 20_000, tier, clock: () => 1n, random: () => 4 });
      } catch {
        return "refused";
      }
      ran++;
      const { r0, trap, packet } = machine.run(undefined, { memory });
      expect(trap?.kind, `${name}: ${Buffer.from(bytes).toString("hex")}: ${trap?.message}`).not.toBe("internal");
      // Compiled code counts instructions by the loop, so it may stop elsewhere.
      if (trap?.kind === "budget") return "budget";
      return trap === undefined ? `${r0} ${packet?.join()}` : `${trap.kind} ${trap.slot}`;
    });
    if (outcomes.includes("budget")) continue;
    expect(new Set(outcomes).size, `${Buffer.from(bytes).toString("hex")}: ${outcomes.join(" | ")}`).toBe(1);
  }
  expect(ran).toBeGreaterThan(PROGRAMS / 4);
});

test(`code that is not checked stays in its memory, from seed ${SEED}`, { timeout: 300_000 }, () => {
  const next = randomNumbers(SEED + 1);
  for (let i = 0; i < 300; i++) {
    const bytes = randomBytes(next);
    // Without checks nothing counts instructions: only programs that do not jump back.
    if (bytes.some((_, at) => at % 8 === 0 && ((bytes[at] as number) & 7) >= 5 && (bytes[at + 3] as number) > 127))
      continue;
    if (bytes.some((op, at) => at % 8 === 0 && (op === 0x06 || op === 0x85))) continue;
    try {
      const machine = embeddedRaw(bytes, { batchBytes: 64, verified: true, tier: "jit" });
      machine.run(undefined, { memory: new Uint8Array(64) });
    } catch (error) {
      expect(error).not.toBeInstanceOf(RangeError);
    }
  }
});
