// Packets that a rule shows: one of so many goes to user space, with its first bytes.

import type { FunctionBuilder, Value, Variable } from "../../compiler/index.ts";
import type { MapSpec } from "../../object/index.ts";

export const SAMPLES = "samples";
export const sampleMap: MapSpec = { name: SAMPLES, type: "perf_event_array", keySize: 4, valueSize: 4, maxEntries: 0 };
/** Before the packet's bytes: the rule, and the bytes that the whole frame has. */
export const SAMPLE = { rule: 0, length: 4, bytes: 8 } as const;
/** Bytes of a packet that are shown, at most. */
export const SAMPLE_BYTES = 256;
/** BPF_F_CURRENT_CPU; the bytes of the packet that go with a record are in bits 32 to 51 (linux/bpf.h, BPF_F_CTXLEN_MASK). */
const CURRENT_CPU = 0xffff_ffffn;

export function sendSample(b: FunctionBuilder, one: number, rule: number, length: () => Value): void {
  const send = (): void => {
    const record = b.slot(SAMPLE.bytes);
    const whole = length();
    b.store(32, record, SAMPLE.rule, rule);
    b.store(32, record, SAMPLE.length, whole);
    const bytes: Variable = { name: "bytes", type: { kind: "int" } };
    b.write(bytes, whole);
    b.when("ugt", whole, SAMPLE_BYTES, () => b.write(bytes, b.const(SAMPLE_BYTES)));
    const flags = b.binary("or", b.binary("shl", b.read(bytes), 32), b.const(CURRENT_CPU));
    b.helper("perf_event_output", [b.param(0), b.map(SAMPLES), flags, record, b.const(SAMPLE.bytes)]);
  };
  if (one === 1) send();
  else
    b.when("ult", b.zext(b.helper("get_prandom_u32", []), 32), Math.floor(2 ** 32 / one), send, { unlikely: "then" });
}
