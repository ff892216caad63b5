// Which Go made a binary, and where that Go keeps things (src/debug/buildinfo of Go; .go.buildinfo since Go 1.13).
//
//     ff " Go buildinf:", u8 pointer size, u8 flags, then
//     flags & 2:  at byte 32 the version: its length as a varint, its text       Go 1.18 and later
//     else:       address of a string: address of its text, its length

import { ByteReader } from "../source/index.ts";
import type { ElfFile, ElfSection } from "./file.ts";

export interface GoVersion {
  /** As the toolchain says it: `go1.19.8`, `devel go1.22-0c1ab2e`. */
  readonly text: string;
  readonly major: number;
  readonly minor: number;
}

/** The version of Go that a binary was made with; undefined for one that Go did not make, or that does not say. */
export function goVersion(file: ElfFile): GoVersion | undefined {
  const section = file.section(".go.buildinfo");
  if (section === undefined || file.bits !== 64) return undefined;
  const bytes = file.data(section);
  if (bytes.length < 32 || bytes[0] !== 0xff || latin1(bytes.subarray(1, 14)) !== " Go buildinf:") return undefined;
  let text: string | undefined;
  if (((bytes[15] as number) & 2) !== 0) {
    const length = varint(bytes, 32);
    text = latin1(bytes.subarray(length.next, length.next + Math.min(length.value, MOST_VERSION)));
  } else {
    const header = bytesAt(file, new ByteReader(bytes, ".go.buildinfo", 16).u64(), 16);
    if (header !== undefined) {
      const string = new ByteReader(header, ".go.buildinfo");
      const found = bytesAt(file, string.u64(), string.u64());
      text = found === undefined ? undefined : latin1(found);
    }
  }
  const numbers = /\bgo(\d+)\.(\d+)/.exec(text ?? "");
  if (text === undefined || numbers === null) return undefined;
  return { text, major: Number(numbers[1]), minor: Number(numbers[2]) };
}

/** Has Go's linker made the file? Cheap: names of sections only. */
export function isGo(file: ElfFile): boolean {
  return file.sections.some((s) => s.name === ".go.buildinfo" || s.name === ".note.go.buildid" || isGoTable(s));
}

/** The section of function names and lines; in position-independent executables it may have the longer name. */
export const isGoTable = (section: ElfSection): boolean =>
  section.name === ".gopclntab" || section.name === ".data.rel.ro.gopclntab";

/**
 * Bytes from the start of the runtime's `struct g` to its goid, on 64-bit machines (src/runtime/runtime2.go): Go 1.23
 * put a word before it (syscallbp), 1.25 took another away (gobuf.ret). Undefined where we do not know.
 */
export function goidOffset({ major, minor }: GoVersion): number | undefined {
  if (major !== 1 || minor < 9 || minor > 27) return undefined;
  return minor === 23 || minor === 24 ? 160 : 152;
}

/**
 * Does Go pass arguments and results in registers (ABIInternal: src/cmd/compile/abi-internal.md)? On amd64 since 1.17,
 * on arm64 since 1.18.
 */
export function goUsesRegisters(version: GoVersion, machine: "x86_64" | "aarch64"): boolean {
  return version.major > 1 || version.minor >= (machine === "x86_64" ? 17 : 18);
}

/** The registers of ABIInternal for integers and pointers, arguments and results alike, and the one that holds g. */
export const goRegisters: Readonly<Record<"x86_64" | "aarch64", { readonly words: string; readonly g: string }>> = {
  x86_64: { words: "rax rbx rcx rdi rsi r8 r9 r10 r11", g: "r14" },
  aarch64: { words: "x0 x1 x2 x3 x4 x5 x6 x7 x8 x9 x10 x11 x12 x13 x14 x15", g: "x28" },
};

/** Bytes of a version's text. */
const MOST_VERSION = 256;

function bytesAt(file: ElfFile, address: number, length: number): Uint8Array | undefined {
  const offset = file.fileOffset(address);
  return offset === undefined || length > MOST_VERSION ? undefined : file.bytes.subarray(offset, offset + length);
}

const latin1 = (bytes: Uint8Array): string => new TextDecoder("latin1").decode(bytes);

/** An unsigned LEB128 number, below 2^32. */
export function varint(bytes: Uint8Array, at: number): { readonly value: number; readonly next: number } {
  let value = 0;
  let next = at;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = bytes[next++] ?? 0;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  return { value, next };
}
