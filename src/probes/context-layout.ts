// Where a variant's arguments lie in its program's context, for those who make contexts: the embedded machine's `fire`.

import type { ContextField, ContextLayout } from "../object/index.ts";
import { sizeOf } from "../schema/index.ts";
import type { ProbeEnvironment } from "./environment.ts";
import type { ProbeArgument, ProbeVariant } from "./probes.ts";
import { registerOffsets } from "./registers.ts";

/** struct pt_regs of asm/ptrace.h, with what arm64 keeps behind the user's part. */
const REGISTER_BYTES = { x86_64: 168, aarch64: 336 } as const;
/** sample_period and addr of struct bpf_perf_event_data, which follow the registers. */
const PERF_BYTES = 16;
/** Arguments of a raw tracepoint, a trampoline with its return value included. */
const MOST_WORDS = 13;

/** Empty for programs that look at no context (`begin`), or at the kernel's own objects (`iter`). */
export function contextLayout(variant: ProbeVariant, env: ProbeEnvironment): ContextLayout {
  switch (variant.context) {
    case "none":
    case "iter":
      return { size: 0, fields: [] };
    case "record": {
      const args = [...(variant.args?.values() ?? [])];
      const fields = args.flatMap((a) => recordField(a));
      return { size: Math.max(8, ...fields.map((f) => f.offset + f.size)), fields };
    }
    case "raw": {
      const count = variant.args?.size ?? 0;
      const words = Array.from({ length: MOST_WORDS }, (_, i) => word(`arg${i}`, i * 8));
      const named = [...(variant.args?.values() ?? [])].flatMap((a) =>
        a.access.kind === "raw" ? [word(a.name, a.access.index * 8, spaceOf(a))] : [],
      );
      return { size: MOST_WORDS * 8, fields: [...words, ...named, word("retval", count * 8)] };
    }
    case "registers":
    case "perf": {
      const registers = registerOffsets(env.machine);
      const space = variant.attach.kind === "kprobe" ? "kernel" : "user";
      const fields = [
        ...registers.arguments.map((offset, i) => word(`arg${i}`, offset, space)),
        word("retval", registers.returns, space),
        word("ip", registers.instructionPointer),
        word("sp", registers.stackPointer),
      ];
      // A static probe says itself in which registers its arguments are.
      const own = new Map(
        [...(variant.args?.values() ?? [])].flatMap((a): [string, ContextField][] =>
          a.access.kind === "usdt" && a.access.argument.kind === "register"
            ? [[a.name, word(a.name, a.access.argument.register.offset, "user")]]
            : [],
        ),
      );
      return {
        size: REGISTER_BYTES[env.machine] + (variant.context === "perf" ? PERF_BYTES : 0),
        fields: [...fields.filter((f) => !own.has(f.name)), ...own.values()],
      };
    }
  }
}

const word = (name: string, offset: number, space: "user" | "kernel" = "kernel"): ContextField => ({
  name,
  offset,
  size: 8,
  kind: "value",
  space,
});

const spaceOf = (a: ProbeArgument): "user" | "kernel" =>
  a.type.kind === "pointer" && a.type.space === "user" ? "user" : "kernel";

function recordField(a: ProbeArgument): ContextField[] {
  const { access } = a;
  const base = { name: a.name, space: spaceOf(a) };
  switch (access.kind) {
    case "record":
      return [{ ...base, offset: access.offset, size: access.size, kind: "value" }];
    case "record-array":
      return [{ ...base, offset: access.offset, size: access.size || sizeOf(a.type), kind: "array" }];
    case "data-loc":
      return [{ ...base, offset: access.offset, size: 4, kind: access.relative ? "rel-loc" : "data-loc" }];
    default:
      return [];
  }
}
