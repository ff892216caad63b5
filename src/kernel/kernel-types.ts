// The kernel's own type information, read once and only when asked for.

import { type Btf, openBtf } from "../btf/index.ts";
import { UnsupportedError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { liveKernel } from "./live-kernel.ts";

const path = "/sys/kernel/btf/vmlinux";

function readTypes(kernel: Kernel): Uint8Array {
  try {
    return kernel.files.read(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new UnsupportedError(
      `this kernel was built without type information (CONFIG_DEBUG_INFO_BTF): there is no ${path}`,
    );
  }
}

const openTypes = (kernel: Kernel): Btf => openBtf(kernelBtfBytes(kernel));

/** The bytes of /sys/kernel/btf/vmlinux (5.5 MB, about 2 ms). Throws an UnsupportedError where the kernel has none. */
export const kernelBtfBytes = (kernel: Kernel = liveKernel()): Uint8Array => kernel.once(readTypes);

/** The kernel's types; opened at the first call. Throws an UnsupportedError where the kernel has none. */
export const kernelBtf = (kernel: Kernel = liveKernel()): Btf => kernel.once(openTypes);
