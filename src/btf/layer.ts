// Types that stand upon those of another BTF: what the two have in common with any BTF, given `type` and `count`.

import type { Btf, BtfEntry, BtfField, BtfKind, BtfMember, BtfType } from "./types.ts";
import { fieldOf, membersOf, resolveType, sizeOfType } from "./walk.ts";

/** The bytes of a pointer. */
const WORD = 8;

export abstract class BtfLayer implements Btf {
  readonly bytes: Uint8Array = new Uint8Array(0);
  readonly pointerSize: number = WORD;
  abstract readonly firstId: number;
  abstract readonly count: number;

  /** What lies below; undefined: nothing. */
  protected abstract below(): Btf | undefined;
  abstract type(id: number): BtfType;

  get base(): Btf {
    // Whoever asks wants ids below `firstId` answered, which `type` does.
    return this.below() ?? this;
  }

  name(id: number): string {
    return this.type(id).name;
  }

  kind(id: number): BtfKind {
    return this.type(id).kind;
  }

  find(name: string, kinds?: BtfKind | readonly BtfKind[]): number | undefined {
    return this.below()?.find(name, kinds);
  }

  findEach(name: string, kinds?: BtfKind | readonly BtfKind[]): number[] {
    return this.below()?.findEach(name, kinds) ?? [];
  }

  findAll(pattern: string | RegExp, kinds?: BtfKind | readonly BtfKind[]): BtfEntry[] {
    return this.below()?.findAll(pattern, kinds) ?? [];
  }

  resolve(id: number): BtfType {
    return resolveType(this, id);
  }

  sizeof(id: number): number | undefined {
    return sizeOfType(this, id);
  }

  members(id: number): readonly BtfMember[] {
    return membersOf(this, id);
  }

  field(id: number, path: string | readonly string[]): BtfField | undefined {
    return fieldOf(this, id, path);
  }

  enumerator(name: string): { readonly type: number; readonly value: bigint } | undefined {
    return this.below()?.enumerator(name);
  }

  string(offset: number): string {
    return this.below()?.string(offset) ?? "";
  }

  exportIndex(): Uint8Array {
    return new Uint8Array(0);
  }
}
