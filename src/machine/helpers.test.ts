import { expect, test } from "vitest";
import { map, objectOf } from "../../test/data/machine-cases.ts";
import { TIERS } from "../../test/data/machine-differential.ts";
import { formatBytes } from "./format.ts";
import { embedded } from "./machine.ts";

const text = (string: string): Uint8Array => new TextEncoder().encode(string);
const bytesOf = (value: bigint): Uint8Array => new Uint8Array(BigUint64Array.of(value).buffer);

for (const { name, tier, verify, verified } of TIERS) {
  test(`${name}: strings and words from memory that is not the machine's`, () => {
    const name = text("/etc/passwd\0");
    const machine = embedded(
      objectOf({
        type: "tracepoint",
        code: "r6 = r1\nr3 = *(u64 *)(r1 + 0)\nr1 = r10\nr1 += -8\nr2 = 8\ncall probe_read_user_str\nr7 = r0\nr3 = *(u64 *)(r6 + 8)\nr1 = r10\nr1 += -16\nr2 = 8\ncall probe_read_kernel\nr0 <<= 32\nr0 |= r7\nr1 = *(u64 *)(r10 - 8)\n*(u64 *)(r6 + 0) = r1\nexit",
      }),
      {
        tier,
        verify,
        verified,
        foreign: (address, size) => {
          const at = Number(address - 0x7fff_0000_0000n);
          return at >= 0 && at + size <= name.length ? name.subarray(at, at + size) : undefined;
        },
      },
    );
    const { r0, trap } = machine.run(undefined, { context: [0x7fff_0000_0000n, 0xdead_0000n] });
    expect(trap).toBeUndefined();
    // Eight bytes with the end; the bad address is EFAULT.
    expect(r0).toBe((BigInt.asUintN(64, -14n << 32n) | 8n) & 0xffff_ffff_ffff_ffffn);
  });

  test(`${name}: the same stack has the same number`, () => {
    const machine = embedded(
      objectOf({
        type: "kprobe",
        maps: [map("stacks", "stack_trace", 4, 64, 16)],
        code: "r2 = map[stacks] ll\nr3 = 0\ncall get_stackid\nexit",
      }),
      { tier, verify, verified },
    );
    const id = (stack: readonly bigint[]): bigint => machine.run(undefined, { context: [0n], kernelStack: stack }).r0;
    const first = id([1n, 2n, 3n]);
    expect(id([1n, 2n, 4n])).not.toBe(first);
    expect(id([1n, 2n, 3n])).toBe(first);
    const key = new Uint8Array(Uint32Array.of(Number(first)).buffer);
    const stack = machine.maps.get("stacks")?.lookup(key) as Uint8Array;
    expect([...new BigUint64Array(stack.buffer).subarray(0, 4)]).toEqual([1n, 2n, 3n, 0n]);
    expect(BigInt.asIntN(64, id([]))).toBe(-14n);
  });

  test(`${name}: task storage is each task's own, and signals are recorded`, () => {
    const machine = embedded(
      objectOf({
        type: "kprobe",
        maps: [map("own", "task_storage", 4, 8, 0)],
        code: "call get_current_task_btf\nr1 = map[own] ll\nr2 = r0\nr3 = 0\nr4 = 1\ncall task_storage_get\nr6 = 0\nif r0 == 0 goto out\nr6 = *(u64 *)(r0 + 0)\nr6 += 1\n*(u64 *)(r0 + 0) = r6\nr1 = 9\ncall send_signal\nout: r0 = r6\nexit",
      }),
      { tier, verify, verified },
    );
    const run = (tid: number) => machine.run(undefined, { context: [0n], tid, pid: 1 });
    expect([run(1).r0, run(2).r0, run(1).r0, run(1).r0]).toEqual([1n, 1n, 2n, 3n]);
    expect(run(2).effects).toEqual([{ kind: "signal", signal: 9, thread: false }]);
  });

  test(`${name}: perf events carry their CPU`, () => {
    const machine = embedded(
      objectOf({
        type: "kprobe",
        maps: [map("events", "perf_event_array", 4, 4, 0)],
        code: "r2 = 0x0102030405060708 ll\n*(u64 *)(r10 - 8) = r2\nr2 = map[events] ll\nr3 = 0xffffffff ll\nr4 = r10\nr4 += -8\nr5 = 8\ncall perf_event_output\nexit",
      }),
      { tier, verify, verified, cpus: 2 },
    );
    expect(machine.run(undefined, { context: [0n], cpu: 1 }).r0).toBe(0n);
    expect(machine.maps.get("events")?.events).toEqual([{ cpu: 1, data: bytesOf(0x0102030405060708n) }]);
  });
}

test("formats are the kernel's", () => {
  const format = (text: string, ...words: bigint[]): string | undefined => {
    const bytes = formatBytes(new TextEncoder().encode(text), words, () => new TextEncoder().encode("str"));
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  };
  expect(format("%d %u %x|%5d|%-5d|%05d%%", -1n, -1n, 255n, 42n, 42n, -42n)).toBe(
    "-1 4294967295 ff|   42|42   |-0042%",
  );
  expect(format("%lld %llx %s %c", -1n, -1n, 0n, 65n)).toBe("-1 ffffffffffffffff str A");
  expect(format("%q", 1n)).toBeUndefined();
  expect(format("%d %d", 1n)).toBeUndefined();
});
