// The kernel's own type information, read once and only when asked for.

import { readFileSync } from "node:fs";
import { type Btf, openBtf } from "../btf/index.ts";
import { UnsupportedError } from "./errors.ts";

const path = "/sys/kernel/btf/vmlinux";

let bytes: Uint8Array | undefined;
let types: Btf | undefined;

/** The bytes of /sys/kernel/btf/vmlinux (5.5 MB, about 2 ms). */
export function kernelBtfBytes(): Uint8Array {
  if (bytes === undefined) {
    try {
      bytes = readFileSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      throw new UnsupportedError(
        `this kernel was built without type information (CONFIG_DEBUG_INFO_BTF): there is no ${path}`,
      );
    }
  }
  return bytes;
}

/** The kernel's types; opened at the first call. Throws an UnsupportedError where the kernel has none. */
export function kernelBtf(): Btf {
  types ??= openBtf(kernelBtfBytes());
  return types;
}
