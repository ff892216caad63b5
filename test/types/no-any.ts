// No `any` reaches whoever writes kernel modules, or reads what they export.

import { load } from "scry";
import { testProgram } from "scry/test";

type IsAny<T> = 0 extends 1 & T ? true : false;
/** Names of members that are `any`, lead to one, or are functions that take or give one; four steps deep. */
export type Anys<T, D extends 0[] = []> =
  IsAny<T> extends true
    ? "any"
    : D["length"] extends 4
      ? never
      : T extends string | number | bigint | boolean | Uint8Array
        ? never
        : T extends (...args: infer A) => infer R
          ? Anys<A[number], [...D, 0]> | Anys<R, [...D, 0]> | Members<T, D>
          : T extends readonly unknown[]
            ? Anys<T[number], [...D, 0]>
            : T extends object
              ? Members<T, D>
              : never;
type Members<T, D extends 0[]> = {
  [K in keyof T]-?: [Anys<T[K], [...D, 0]>] extends [never] ? never : K;
}[keyof T];

const none = <T>(_there: [Anys<T>] extends [never] ? true : Anys<T>): void => undefined;

none<typeof import("scry/bpf")>(true);
const run = await load<typeof import("./right.bpf.ts")>("./right.bpf.ts");
none<Omit<typeof run, "object">>(true);
const test = await testProgram<typeof import("./right.bpf.ts")>("./right.bpf.ts");
// The machine's own collections are JavaScript's, whose callbacks have `any`.
none<Omit<typeof test, "object" | "machine">>(true);

// What it would find:
type Wild = ReturnType<typeof JSON.parse>;
// @ts-expect-error TS2345
none<Wild>(true);
// @ts-expect-error TS2345
none<{ readonly deep: { readonly member: (of: Wild) => void } }>(true);
// @ts-expect-error TS2345
none<{ readonly list: readonly { readonly first?: Wild }[] }>(true);
