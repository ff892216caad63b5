// Recorded stacks: names become addresses for the programs, and addresses names again for the reader.

import type { StackFrame } from "../schema/index.ts";
import type { RecordedFrame } from "./recording.ts";

/** Where frames that were recorded by name only are put: addresses that no kernel and no process has. */
const NAMED_KERNEL = 0xffff_ffff_f000_0000n;
const NAMED_USER = 0x7fff_f000_0000n;

export class RecordedFrames {
  readonly #frames = new Map<bigint, StackFrame>();
  readonly #named = new Map<string, bigint>();

  /** The addresses of a stack. */
  addresses(stack: readonly RecordedFrame[] | undefined, space: "kernel" | "user"): bigint[] {
    return (stack ?? []).map((frame) => this.#address(frame, space));
  }

  #address(frame: RecordedFrame, space: "kernel" | "user"): bigint {
    if (typeof frame === "number" || typeof frame === "bigint") return BigInt.asUintN(64, BigInt(frame));
    const parts = typeof frame === "string" ? parse(frame) : frame;
    const key = `${space}:${parts.name}+${parts.offset ?? 0}@${parts.module ?? ""}`;
    let address = parts.address === undefined ? this.#named.get(key) : BigInt.asUintN(64, BigInt(parts.address));
    if (address === undefined) {
      address = (space === "kernel" ? NAMED_KERNEL : NAMED_USER) + BigInt(this.#named.size * 16);
      this.#named.set(key, address);
    }
    if (parts.name !== undefined && !this.#frames.has(address))
      this.#frames.set(address, {
        address,
        name: parts.name,
        offset: parts.offset ?? 0,
        ...(parts.module === undefined ? {} : { module: parts.module }),
      });
    return address;
  }

  /** What is known of an address. */
  find(address: bigint): StackFrame | undefined {
    return this.#frames.get(address);
  }
}

/** `vfs_read+20 (ext4)` */
function parse(text: string): Exclude<RecordedFrame, number | bigint | string> {
  const match = /^(.*?)(?:\+(0x[0-9a-fA-F]+|\d+))?(?: \((.*)\))?$/.exec(text) as RegExpExecArray;
  return {
    name: match[1] as string,
    offset: Number(match[2] ?? 0),
    ...(match[3] === undefined ? {} : { module: match[3] }),
  };
}
