// Global data of C: sections whose bytes become arrays of one element, by the names that compilers and loaders know.

import { BPF_F_MMAPABLE, BPF_F_RDONLY_PROG } from "./map-flags.ts";

/** True for `.data`, `.rodata`, `.bss` and those of their kin that have a name of their own (`.data.mine`). */
export const isGlobalData = (section: string): boolean => /^\.(?:data|rodata|bss)(?:\.|$)/.test(section);

/** The flags of a section's map: what is constant cannot be written by programs. */
export const globalDataFlags = (section: string): number =>
  BPF_F_MMAPABLE | (section.startsWith(".rodata") ? BPF_F_RDONLY_PROG : 0);
