// Static probes for programs that ask for arguments as libbpf's usdt.bpf.h has it: where each argument is stands in the
// map `__bpf_usdt_specs`, under a number that the program gets as the cookie of the place it was called from, or before Linux
// 5.15 finds in the map `__bpf_usdt_ip_to_spec_id` under the address that it was called from.

import { statSync } from "node:fs";
import {
  type ElfFile,
  parseUsdtArguments,
  type UsdtArgument,
  UsdtArgumentError,
  type UsdtNote,
  usdtNotes,
} from "../elf/index.ts";
import { hasFeature, type Kernel, processMaps, UnsupportedError } from "../kernel/index.ts";
import type { AttachTarget } from "../object/index.ts";
import { nearest } from "../source/index.ts";
import { fileSymbols } from "../symbols/index.ts";

/** The map of where arguments are, typed by the object's own `struct __bpf_usdt_spec`. */
export interface SpecMap {
  readonly maxEntries: number;
  set(key: unknown, value: unknown): void;
}

/** The map of numbers by addresses. */
export interface AddressMap {
  set(key: bigint, value: number): void;
  delete(key: bigint): boolean;
}

export const USDT_ADDRESSES = "__bpf_usdt_ip_to_spec_id";
export const USDT_SPECS = "__bpf_usdt_specs";
const MOST_ARGUMENTS = 12;

/** Numbers of the entries of the map: places whose arguments are the same share one. */
export class UsdtSpecs {
  readonly #map: SpecMap;
  readonly #numbers = new Map<string, { readonly id: number; uses: number }>();
  readonly #free: number[] = [];
  #next = 0;
  readonly #addresses: AddressMap | undefined;
  /** How many links have each of the addresses that are written down. */
  readonly #uses = new Map<bigint, number>();

  constructor(map: SpecMap, addresses?: AddressMap) {
    this.#map = map;
    this.#addresses = addresses;
  }

  take(args: readonly UsdtArgument[], text: string, cookie: bigint): number {
    const key = `${cookie} ${text}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) {
      known.uses++;
      return known.id;
    }
    const id = this.#free.pop() ?? this.#next++;
    if (id >= this.#map.maxEntries)
      throw new UnsupportedError(
        `${USDT_SPECS} has room for ${this.#map.maxEntries} kinds of places: raise its maxEntries (BPF_USDT_MAX_SPEC_CNT)`,
      );
    try {
      this.#map.set(id, { arg_cnt: args.length, usdt_cookie: cookie, args: args.map((one) => argument(one, text)) });
    } catch (error) {
      this.#free.push(id);
      // An object that was built with an older usdt.bpf.h has no words for some places.
      if (error instanceof RangeError) throw new UnsupportedError(`static probe with '${text}': ${error.message}`);
      throw error;
    }
    this.#numbers.set(key, { id, uses: 1 });
    return id;
  }

  /** Writes down which number is meant at these addresses; answers how to take that back. */
  place(id: number, addresses: readonly bigint[]): () => void {
    const map = this.#addresses;
    if (map === undefined)
      throw new UnsupportedError(
        `arguments of static probes need cookies (Linux 5.15) where the object has no map ${USDT_ADDRESSES}`,
      );
    for (const address of addresses) {
      map.set(address, id);
      this.#uses.set(address, (this.#uses.get(address) ?? 0) + 1);
    }
    return () => {
      for (const address of addresses) {
        const left = (this.#uses.get(address) ?? 1) - 1;
        if (left > 0) this.#uses.set(address, left);
        else if (this.#uses.delete(address)) map.delete(address);
      }
    };
  }

  give(id: number): void {
    for (const [key, one] of this.#numbers) {
      if (one.id !== id || --one.uses > 0) continue;
      this.#numbers.delete(key);
      this.#free.push(id);
    }
  }
}

/** `struct __bpf_usdt_arg_spec` by the names of its members. */
function argument(one: UsdtArgument, text: string): Readonly<Record<string, unknown>> {
  const cannot = (why: string): UnsupportedError => new UnsupportedError(`static probe with '${text}': ${why}`);
  if (one.float) throw cannot("an argument is a floating-point number, which programs cannot read");
  const common = { arg_signed: one.signed, arg_bitshift: 64 - one.size * 8 };
  switch (one.kind) {
    case "constant":
      return { ...common, arg_type: "BPF_USDT_ARG_CONST", val_off: BigInt.asUintN(64, one.value) };
    case "register":
      return { ...common, arg_type: "BPF_USDT_ARG_REG", reg_off: one.register.offset + (one.register.shift >> 3) };
    case "memory": {
      const { base, index, offset, scale, segment } = one;
      if (segment !== undefined || base === undefined) throw cannot("an argument has no register to start from");
      const place = { ...common, val_off: BigInt.asUintN(64, BigInt(offset)), reg_off: base.offset };
      return index === undefined
        ? { ...place, arg_type: "BPF_USDT_ARG_REG_DEREF" }
        : { ...place, arg_type: "BPF_USDT_ARG_SIB", idx_reg_off: index.offset, scale_bitshift: Math.log2(scale) };
    }
    case "symbol":
      throw cannot("an argument is a variable at a fixed address, which this protocol cannot say");
    case "unreadable":
      throw cannot("an argument is in a register that programs cannot read");
  }
}

export interface UsdtPlace {
  readonly path: string;
  readonly provider: string;
  readonly name: string;
  readonly pid?: number;
  readonly cookie?: bigint;
}

/** The places of a static probe, each with the number of its arguments' entry, which a link's end gives back. */
export function usdtTargets(
  place: UsdtPlace,
  specs: UsdtSpecs | undefined,
  kernel: Kernel,
): { readonly targets: readonly AttachTarget[]; readonly release: () => void } {
  const { path, pid } = place;
  const { elf, notes } = staticProbe(place);
  const cookies = hasFeature("perfEventCookie", kernel);
  const undo: (() => void)[] = [];
  const release = (): void => {
    for (const one of undo.splice(0)) one();
  };
  try {
    const targets = notes.map((note): AttachTarget => {
      let { cookie } = place;
      if (specs !== undefined) {
        const id = specs.take(argumentsOf(note, elf), note.arguments, place.cookie ?? 0n);
        undo.push(() => specs.give(id));
        cookie = cookies ? BigInt(id) : undefined;
        if (!cookies) undo.push(specs.place(id, addressesOf(note, elf, place, kernel)));
      }
      return {
        kind: "uprobe",
        path,
        offset: note.offset,
        return: false,
        ...(note.semaphore === undefined ? {} : { semaphore: note.semaphore.offset }),
        ...(pid === undefined ? {} : { pid }),
        ...(cookie === undefined ? {} : { cookie }),
      };
    });
    return { targets, release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Where a probe is in memory: known of a program that lies where its file says, else of one process. */
function addressesOf(note: UsdtNote, elf: ElfFile, { path, pid }: UsdtPlace, kernel: Kernel): readonly bigint[] {
  if (elf.type === "exec") return [BigInt(note.address)];
  if (pid === undefined)
    throw new UnsupportedError(
      `${path}: before Linux 5.15 static probes of what may lie anywhere in memory are seen in one process only: say its pid`,
    );
  const { ino } = statSync(path);
  const found = processMaps(pid, kernel).flatMap(({ start, end, offset, permissions, inode }) => {
    const inside = inode === ino && permissions.includes("x") && note.offset >= offset;
    const address = start + BigInt(note.offset - offset);
    return inside && address < end ? [address] : [];
  });
  if (found.length === 0) throw new UnsupportedError(`process ${pid} has not mapped ${path}`);
  return found;
}

/** The notes of a static probe in its file, one for each place; `provider` may be empty. Throws an UnsupportedError where there is none. */
export function staticProbe(place: Pick<UsdtPlace, "path" | "provider" | "name">): {
  readonly elf: ElfFile;
  readonly notes: readonly UsdtNote[];
} {
  const { elf } = fileSymbols(place.path);
  const notes = usdtNotes(elf).filter(
    ({ name, provider }) => name === place.name && (place.provider === "" || provider === place.provider),
  );
  if (notes.length === 0) throw noSuchProbe(elf, place);
  return { elf, notes };
}

/** Throws an UnsupportedError for arguments that are no such text. */
export function argumentsOf(note: UsdtNote, elf: ElfFile): readonly UsdtArgument[] {
  const machine = elf.machine === "aarch64" ? "aarch64" : "x86_64";
  try {
    return parseUsdtArguments(note.arguments, machine).slice(0, MOST_ARGUMENTS);
  } catch (error) {
    if (error instanceof UsdtArgumentError)
      throw new UnsupportedError(`static probe ${note.provider}:${note.name}: ${error.message}`);
    throw error;
  }
}

function noSuchProbe(
  elf: ElfFile,
  { path, provider, name }: Pick<UsdtPlace, "path" | "provider" | "name">,
): UnsupportedError {
  const names = [...new Set(usdtNotes(elf).map((note) => `${note.provider}:${note.name}`))];
  if (names.length === 0) return new UnsupportedError(`${path} has no static probes`);
  const full = provider === "" ? name : `${provider}:${name}`;
  const known = provider === "" ? names.map((one) => one.slice(one.indexOf(":") + 1)) : names;
  const hint = nearest(full, known)[0];
  return new UnsupportedError(`${path} has no static probe ${full}${hint === undefined ? "" : `. ${hint}`}`);
}
