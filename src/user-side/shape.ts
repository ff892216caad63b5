// What is known of an object when a program that uses it is written: `scry gen` writes such a shape from the object's own
// types, so that maps, variables and programs are checked by tsc. Without one, names are free and values unknown.

import type { Described } from "./codecs.ts";

export interface MapShape {
  readonly key: unknown;
  readonly value: unknown;
  /** Of rings: what their records are. */
  readonly record?: unknown;
}

export interface ObjectShape {
  readonly maps: { readonly [name: string]: MapShape };
  /** The programs, each with its type. */
  readonly programs: { readonly [name: string]: string };
  /** Variables by their section: `rodata`, `data`, `bss`, others as they are called in the file. */
  readonly data: { readonly [section: string]: { [variable: string]: unknown } };
}

declare const held: unique symbol;

/** The value of a map of maps or programs: their id, as the kernel gives it; to be set, one of them itself. */
export type KernelId = number & { readonly [held]?: true };

/** What may be given for a value: whole numbers as either of both, parts of structs, bytes for text. */
export type Given<T> = unknown extends T
  ? unknown
  : T extends bigint
    ? bigint | number
    : T extends boolean
      ? boolean
      : T extends KernelId
        ? Described | number
        : T extends string
          ? T | Uint8Array
          : T extends number | Uint8Array
            ? T
            : T extends readonly (infer E)[]
              ? readonly Given<E>[]
              : { readonly [K in keyof T]?: Given<T[K]> };
