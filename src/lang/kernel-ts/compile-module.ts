// The journey of a `.bpf.ts` text: parsed, its top read, its functions as C's typed tree, then as C goes.

import type { Btf } from "../../btf/index.ts";
import { CTypes, Typing } from "../../c/index.ts";
import type { Cpu } from "../../compiler/index.ts";
import type { BpfObject } from "../../object/index.ts";
import { type Diagnostic, DiagnosticError, type SourceText } from "../../source/index.ts";
import { compileUnit, followPointers, remembered } from "../c/index.ts";
import { parseModule } from "./ast.ts";
import type { Origin } from "./origin.ts";
import { Unit, type UnitWorld } from "./unit.ts";

export interface ModuleOptions extends Partial<UnitWorld> {
  /** The types of the kernel. */
  btf?(): Btf | undefined;
  /** Of the instruction set: 4 is what Linux 6.6 and later take. 3 unless said otherwise. */
  readonly cpu?: Cpu;
  /** Called with the IR's text before and after each pass. */
  readonly dump?: (pass: string, text: string) => void;
  /** For the embedded machine: the kernel's structs are read by helpers, since no program can reach them there. */
  readonly embedded?: boolean;
}

export interface CompiledModule {
  /** Absent where something is wrong. */
  readonly object?: BpfObject;
  readonly diagnostics: readonly Diagnostic[];
}

/** Programs whose contexts lead to memory that may be read as it is. */
const NEAR =
  /^(?:fentry|fexit|lsm|tp_btf|xdp|tc|netkit|socket|cgroup|sk_|sockops|flow_dissector|netfilter|lwt_|struct_ops|syscall|freplace|iter|fmod_ret)/;

/** The tree as JSON, without places. */
const treeText = (source: SourceText): string =>
  JSON.stringify(
    parseModule(source),
    (key, value: unknown) =>
      /^(?:start|end|loc|raw)$/.test(key) ? undefined : typeof value === "bigint" ? `${value}n` : value,
    1,
  );

/** Pointers that programs of user space are given lead into their memory; what helpers give does not. */
const helpersOf = (section: string): { readonly helper: string; readonly kernelHelper: string } => ({
  helper: /^(?:u(?:ret)?probe|usdt)/.test(section) ? "probe_read_user" : "probe_read_kernel",
  kernelHelper: "probe_read_kernel",
});

/** The same on the embedded machine: it has what the kernel puts together for programs, not what that leads to. */
const NEAR_EMBEDDED = /^(?:xdp|tc|socket|cgroup)/;

/** Compiles a module. What is wrong with it is answered, not thrown. */
export function compileModule(source: SourceText, options: ModuleOptions = {}): CompiledModule {
  const kernel = options.btf?.();
  const below = kernel === undefined ? undefined : remembered(kernel);
  const types = new CTypes(() => below);
  const typing = new Typing(types);
  const world: UnitWorld = {
    machine: options.machine ?? "x86",
    tracepoint: (category, name) => options.tracepoint?.(category, name),
    ...(options.probe === undefined ? {} : { probe: options.probe }),
    ...(options.binary === undefined ? {} : { binary: options.binary }),
    anyTracepoint: options.anyTracepoint ?? false,
    include: (specifier, from) => options.include?.(specifier, from),
  };
  const near = options.embedded === true ? NEAR_EMBEDDED : NEAR;
  try {
    options.dump?.("ast", treeText(source));
    const unit = new Unit(source, types, typing, world).read();
    const { object, diagnostics } = compileUnit(source, types, unit, options, {
      license: "GPL",
      section: (fn) => unit.sections.get(fn),
      entry: (fn) => fn,
      prepare: (fn, section) => {
        followPointers(fn, { contextIsNear: near.test(section), ...helpersOf(section) });
      },
      prepareCalled: (fn, of, section) => {
        const handed = unit.apart.get(of);
        if (handed === undefined) return;
        const contextIsNear = near.test(section);
        const from = (origin: Origin): "near" | "kernel" | "far" =>
          origin === "user" ? "far" : origin === "near" || contextIsNear ? "near" : "kernel";
        const { environment } = handed;
        followPointers(fn, {
          contextIsNear,
          ...helpersOf(section),
          handed: {
            params: handed.params.map(from),
            ...(environment === undefined
              ? {}
              : { environment: { param: environment.param, words: environment.words.map(from) } }),
          },
        });
      },
    });
    if (object === undefined) return { diagnostics };
    const programs = object.programs.map((program) => {
      const context = unit.contexts.get(program.name);
      return context === undefined ? program : { ...program, context };
    });
    return { object: { ...object, programs }, diagnostics };
  } catch (error) {
    if (error instanceof DiagnosticError) return { diagnostics: error.diagnostics };
    throw error;
  }
}
