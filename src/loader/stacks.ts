// Stacks of calls in values of kernel modules, with the names of their functions. A struct's name says that it is one:
// `user_stack_of_stacks` holds its number in the map `stacks`, `kernel_stack_16_frames` the addresses.

import type { Stack, StackFrame } from "../bpf/index.ts";
import type { Btf } from "../btf/index.ts";
import { demangle } from "../demangle/index.ts";
import { kernelSymbols, userSymbols } from "../symbols/index.ts";
import type { Codec } from "../user-side/index.ts";

/** Addresses by a stack's number, which `stackMap`s of the object keep; none where there is no such stack. */
export type StackTables = (map: string, id: number) => readonly bigint[];

type Present = (value: unknown) => unknown;

interface StackParts {
  /** From 1 on; what is not above 0 is no stack. */
  readonly number?: number;
  readonly bytes?: number;
  readonly pid?: number;
  readonly frames?: readonly bigint[];
}

/** What makes of decoded values of a type what users read; undefined: they are that already. */
export function presentation(btf: Btf, type: number, tables: StackTables): Present | undefined {
  const found = btf.resolve(type);
  if (found.kind === "array") {
    const element = presentation(btf, found.element, tables);
    return element === undefined ? undefined : (value) => (value as readonly unknown[]).map(element);
  }
  if (found.kind !== "struct") return undefined;
  const [, space, table] = /^(kernel|user)_stack_(?:of_(\w+)|\d+_frames)$/.exec(found.name) ?? [];
  if (space === "kernel" || space === "user")
    return (value) => {
      const { number = 0, bytes = 0, pid = 0, frames = [] } = value as StackParts;
      const addresses =
        table === undefined ? frames.slice(0, Math.max(0, bytes) / 8) : number <= 0 ? [] : tables(table, number - 1);
      return { space, frames: addresses.map((address) => frameOf(space, address, pid)) } satisfies Stack;
    };
  const members = btf.members(found.id).flatMap(({ name, type: of }) => {
    const present = presentation(btf, of, tables);
    return present === undefined ? [] : [[name, present] as const];
  });
  if (members.length === 0) return undefined;
  return (value) => {
    const changed = { ...(value as Record<string, unknown>) };
    for (const [name, present] of members) changed[name] = present(changed[name]);
    return changed;
  };
}

/** The codec with stacks of calls by the names of their functions. */
export function withStacks(codec: Codec, btf: Btf | undefined, type: number | undefined, tables: StackTables): Codec {
  const present = btf === undefined || type === undefined ? undefined : presentation(btf, type, tables);
  return present === undefined ? codec : { ...codec, decode: (bytes) => present(codec.decode(bytes)) };
}

function frameOf(space: Stack["space"], address: bigint, pid: number): StackFrame {
  if (space === "kernel") {
    const symbol = kernelSymbols().lookup(address);
    return symbol === undefined ? { address, offset: 0 } : { address, ...symbol };
  }
  const symbols = userSymbols(pid);
  const symbol = symbols.lookup(address);
  if (symbol !== undefined)
    return { address, name: demangle(symbol.name), offset: symbol.offset, module: symbol.module };
  const module = symbols.module(address)?.path;
  return { address, offset: 0, ...(module === undefined ? {} : { module }) };
}

/** Addresses as the kernel's table has them: the rest of a stack that is shorter is zero. */
export function addressesOf(bytes: Uint8Array | undefined): readonly bigint[] {
  if (bytes === undefined) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const all = Array.from({ length: bytes.length >> 3 }, (_, i) => view.getBigUint64(i * 8, true));
  const end = all.indexOf(0n);
  return end < 0 ? all : all.slice(0, end);
}
