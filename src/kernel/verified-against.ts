// What a program is verified for before it is attached: its attach type, and the function or type of BTF that it stands at.

import { attachType, type ProgramSpec } from "../object/index.ts";
import { UnsupportedError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { functionOfProgram, moduleBtf, openModuleBtf, openProgram } from "./module-types.ts";
import { AttachType } from "./numbers.ts";
import { typeId } from "./relocate.ts";
import { structOpsMember } from "./struct-ops.ts";

const targets = {
  tp_btf: { attachType: AttachType.rawTracepoint, prefix: "btf_trace_", kind: "typedef" },
  fentry: { attachType: AttachType.fentry, prefix: "", kind: "func" },
  fexit: { attachType: AttachType.fexit, prefix: "", kind: "func" },
  fmod_ret: { attachType: attachType("modify_return"), prefix: "", kind: "func" },
  iter: { attachType: AttachType.iter, prefix: "bpf_iter_", kind: "func" },
  lsm: { attachType: AttachType.lsm, prefix: "bpf_lsm_", kind: "func" },
  struct_ops: { attachType: 0, prefix: "", kind: "struct" },
  freplace: { attachType: 0, prefix: "", kind: "func" },
} as const;

type Target = NonNullable<ProgramSpec["target"]>;

/** The BTF id of what a program is verified against, and the descriptor of that BTF where it is not the kernel's. */
export function targetOf(kernel: Kernel, target: Target): { id: number; fd?: number } {
  const { prefix, kind } = targets[target.kind];
  const name = prefix + target.name;
  const label = `${target.kind}:${target.module === undefined ? "" : `${target.module}:`}${target.name}`;
  if (target.program !== undefined) {
    const found = functionOfProgram(target.program, target.name, kernel);
    if (found === undefined)
      throw new UnsupportedError(`${label}: BPF program ${target.program} has no such function, or is there no more`);
    return { id: found, fd: openProgram(target.program, kernel) };
  }
  if (target.kind === "freplace")
    throw new UnsupportedError(`${label}: whose function is replaced has to be said (the target's program)`);
  if (target.module !== undefined) {
    const id = moduleBtf(target.module, kernel)?.find(name, kind);
    if (id === undefined)
      throw new UnsupportedError(
        `${label}: the kernel has no types of this function of the module (CONFIG_DEBUG_INFO_BTF_MODULES, Linux 5.11); use kprobe:${target.module}:${target.name}`,
      );
    return { id, fd: openModuleBtf(target.module, kernel) };
  }
  try {
    return { id: typeId(kernel, name, kind) };
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    const instead = kind === "func" && target.kind !== "iter" ? `; use kprobe:${target.name}` : "";
    throw new UnsupportedError(`${label}: ${error.message}${instead}`);
  }
}

/** How a program will be attached by a link to many places. */
export type Multi = "uprobe" | "kprobe" | "kprobe-session";

const multiTypes: Readonly<Record<Multi, number>> = {
  uprobe: AttachType.uprobeMulti,
  kprobe: AttachType.kprobeMulti,
  "kprobe-session": AttachType.kprobeSession,
};

/** `expected_attach_type` of a program. */
export function expectedAttachType(kernel: Kernel, spec: ProgramSpec, multi: Multi | undefined): number {
  // Which of the struct's functions it is, by number.
  if (spec.target?.kind === "struct_ops")
    return structOpsMember(kernel, spec.target.name, spec.target.member ?? "").index;
  if (spec.attachType !== undefined) return attachType(spec.attachType);
  if (spec.target !== undefined) return targets[spec.target.kind].attachType;
  const [first] = spec.attach;
  if (first?.kind === "cgroup" && first.attachType !== undefined) return attachType(`cgroup_${first.attachType}`);
  if (first?.kind === "xdp") return AttachType.xdp;
  if (spec.type === "sk_lookup") return AttachType.skLookup;
  return multi === undefined ? 0 : multiTypes[multi];
}
