// Addresses of the running kernel as names, from /proc/kallsyms (150,000 lines, about 7 MB).
//
// The text is kept as it is; parsing it notes where each line is, and a name is cut out only when asked for. Kernel
// addresses lie above 2^63 and do not fit a double; less 0xffff000000000000 they do, exactly.

import { readFileSync } from "node:fs";

const BASE = 0xffff000000000000n;

export interface KernelSymbol {
  readonly name: string;
  /** Bytes from the start of the function. */
  readonly offset: number;
  /** The kernel module, or `bpf` for a BPF program; absent for the kernel itself. */
  readonly module?: string;
}

/** The functions of a kernel, by the text of its kallsyms. */
export class KernelSymbols {
  readonly #text: Buffer;
  /** Addresses of functions less BASE, ascending, and where their names start in the text. */
  readonly #addresses: Float64Array;
  readonly #names: Uint32Array;

  constructor(text: Buffer) {
    this.#text = text;
    const { addresses, names } = index(text);
    this.#addresses = addresses;
    this.#names = names;
  }

  /** How many functions there are; 0 where addresses are hidden from us (kernel.kptr_restrict, no CAP_SYSLOG). */
  get count(): number {
    return this.#addresses.length;
  }

  /** The function that an address lies in; undefined below the first one or in user space. */
  lookup(address: bigint): KernelSymbol | undefined {
    const wanted = Number(BigInt.asUintN(64, address) - BASE);
    const addresses = this.#addresses;
    let low = 0;
    let high = addresses.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((addresses[middle] as number) <= wanted) low = middle + 1;
      else high = middle;
    }
    if (low === 0 || wanted < 0) return undefined;
    // Of several names at one address, the first is the function's own; aliases follow.
    let at = low - 1;
    while (at > 0 && addresses[at - 1] === addresses[at]) at--;
    return { ...this.#nameAt(this.#names[at] as number), offset: wanted - (addresses[at] as number) };
  }

  /** The address of a symbol, function or data; undefined where there is none or it is hidden. */
  address(name: string): bigint | undefined {
    const text = this.#text;
    for (const end of ["\n", "\t"]) {
      const at = text.indexOf(` ${name}${end}`, 0, "latin1");
      if (at < 0) continue;
      const start = text.lastIndexOf(10, at) + 1;
      const address = BigInt(`0x${text.toString("latin1", start, start + 16)}`);
      return address === 0n ? undefined : address;
    }
    return undefined;
  }

  /** Every function's name, in order of their addresses. */
  *functions(): IterableIterator<string> {
    for (const at of this.#names) yield this.#nameAt(at).name;
  }

  #nameAt(start: number): { name: string; module?: string } {
    let end = this.#text.indexOf(10, start);
    if (end < 0) end = this.#text.length;
    const [name, module] = this.#text.toString("latin1", start, end).split("\t") as [string, string | undefined];
    return module === undefined ? { name } : { name, module: module.slice(1, -1) };
  }
}

/** `ffffffff81000000 T _stext` newline, with `\t[module]` after the name of a module's symbol. */
function index(text: Buffer): { addresses: Float64Array; names: Uint32Array } {
  let capacity = 1 << 17;
  let addresses = new Float64Array(capacity);
  let names = new Uint32Array(capacity);
  let count = 0;
  let sorted = true;
  for (let at = 0; at + 19 < text.length; ) {
    const type = (text[at + 17] as number) | 0x20;
    // t: text, w: weak. Everything else is data.
    if (type === 0x74 || type === 0x77) {
      // The top 16 bits are ones in every kernel address; 0000 means hidden.
      const high = hex(text, at + 4, 4);
      const address = high * 2 ** 32 + hex(text, at + 8, 8);
      if (text[at] === 0x66) {
        if (count === capacity) {
          capacity *= 2;
          const moreAddresses = new Float64Array(capacity);
          moreAddresses.set(addresses);
          addresses = moreAddresses;
          const moreNames = new Uint32Array(capacity);
          moreNames.set(names);
          names = moreNames;
        }
        if (count > 0 && address < (addresses[count - 1] as number)) sorted = false;
        addresses[count] = address;
        names[count++] = at + 19;
      }
    }
    const next = text.indexOf(10, at + 19);
    if (next < 0) break;
    at = next + 1;
  }
  if (sorted) return { addresses: addresses.subarray(0, count), names: names.subarray(0, count) };
  const order = Uint32Array.from({ length: count }, (_, i) => i).sort(
    (a, b) => (addresses[a] as number) - (addresses[b] as number) || a - b,
  );
  return {
    addresses: Float64Array.from(order, (i) => addresses[i] as number),
    names: Uint32Array.from(order, (i) => names[i] as number),
  };
}

function hex(text: Uint8Array, at: number, digits: number): number {
  let value = 0;
  for (let i = at; i < at + digits; i++) {
    const c = text[i] as number;
    value = value * 16 + (c < 58 ? c - 48 : c - 87);
  }
  return value;
}

let symbols: KernelSymbols | undefined;

/** The symbols of the running kernel; read at the first call. Modules loaded later are seen after `refresh`. */
export function kernelSymbols(refresh = false): KernelSymbols {
  if (symbols === undefined || refresh) symbols = new KernelSymbols(readFileSync("/proc/kallsyms"));
  return symbols;
}
