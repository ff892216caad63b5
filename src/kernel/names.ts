// Kernel functions and variables that programs call or take the address of: in the kernel's own types or those of a module.

import type { BtfKind } from "../btf/index.ts";
import type { Kernel } from "./kernel.ts";
import { kernelBtf } from "./kernel-types.ts";
import { moduleBtf, moduleNames, openModuleBtf } from "./module-types.ts";

export interface KernelName {
  readonly id: number;
  /** The module that has it; absent: the kernel itself. */
  readonly module?: string;
}

/** Where a function or variable is in the types of the kernel and its modules. */
export function findKernelName(kernel: Kernel, name: string, kind: BtfKind): KernelName | undefined {
  const id = kernelBtf(kernel).find(name, kind);
  if (id !== undefined) return { id };
  for (const module of moduleNames(kernel)) {
    // Ids of a module's own types go on from the kernel's.
    const own = moduleBtf(module, kernel)?.findEach(name, kind)[0];
    if (own !== undefined) return { id: own, module };
  }
  return undefined;
}

/** Descriptors of modules' types for one load: programs name them by their place in this list (`fd_array`, Linux 5.16). */
export class ModuleTypes {
  readonly #kernel: Kernel;
  readonly #opened = new Map<string, { readonly fd: number; readonly index: number }>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** The descriptor, and its place in the list, from 1: 0 means the kernel. */
  of(module: string): { readonly fd: number; readonly index: number } {
    let found = this.#opened.get(module);
    if (found === undefined) {
      found = { fd: openModuleBtf(module, this.#kernel), index: this.#opened.size + 1 };
      this.#opened.set(module, found);
    }
    return found;
  }

  /** The list for `fd_array`; undefined where no module is named. */
  get list(): Uint8Array | undefined {
    if (this.#opened.size === 0) return undefined;
    return new Uint8Array(Int32Array.from([0, ...[...this.#opened.values()].map((m) => m.fd)]).buffer);
  }

  get descriptors(): readonly number[] {
    return [...this.#opened.values()].map((m) => m.fd);
  }
}
