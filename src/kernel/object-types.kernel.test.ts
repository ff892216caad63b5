// Types of objects that kernels before theirs do not know: the lab runs this on Linux 5.10 too.

import { afterAll, describe, expect, it } from "vitest";
import { bytesOf, compileC, workFolder } from "../../test/support/c-object.ts";
import { hasClang, lacking } from "../../test/support/skips.ts";
import { readObject } from "../object/index.ts";
import { loadObject, testRun } from "./index.ts";

const folder = workFolder();
afterAll(() => folder.remove());

describe.skipIf(lacking("types that old kernels lack", { clang: hasClang }))("types that old kernels lack", () => {
  it("keep no object from being loaded", () => {
    const text = `
      #define __tag(x) __attribute__((btf_type_tag(x)))
      #define __decl(x) __attribute__((btf_decl_tag(x)))
      enum sign { LESS = -1, MORE = 1 };
      struct value { double point; int __tag("user") *address; enum sign sign; } __decl("some");
      struct { __uint(type, 1); __type(key, u32); __type(value, struct value); __uint(max_entries, 4); } values SEC(".maps");
      __attribute__((noinline)) __decl("other") int of(int sign) { return sign == LESS ? 40 : 2; }
      __attribute__((noinline)) int at(struct value *value) { if (!value) return 0; return value->sign; }
      SEC("xdp") int run(void *ctx) {
        u32 key = 1; struct value value = { .sign = LESS };
        update(&values, &key, &value, 0);
        struct value *found = lookup(&values, &key);
        return found ? of(at(found)) : 1;
      }`;
    const { object } = readObject(bytesOf(compileC(folder.path, "types", text)));
    const kinds = new Set(Array.from({ length: (object.types?.count ?? 1) - 1 }, (_, i) => object.types?.kind(i + 1)));
    for (const kind of ["float", "type_tag", "decl_tag"]) expect(kinds).toContain(kind);
    expect(object.programs[0]?.functions.map(({ name, type }) => [name, type !== undefined])).toEqual([
      ["run", false],
      ["at", true],
      ["of", true],
    ]);
    using loaded = loadObject(object);
    expect(testRun(loaded.programs.get("run")?.fd as number, { data: new Uint8Array(64) }).value).toBe(40);
  });
});
