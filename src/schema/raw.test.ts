// What a resolver that is asked for both gives: names with their numbers, strings with the bytes that are no text.

import { describe, expect, it } from "vitest";
import { resolver } from "../../test/support/view-records.ts";
import { decodeValue, type Resolver, type Type } from "./index.ts";

const raw: Resolver = { ...resolver, raw: true, ksym: () => "schedule", username: () => "root" };

function decoded(type: Type, ...bytes: number[]): unknown {
  const data = new Uint8Array(24);
  data.set(bytes);
  return decodeValue(type, new DataView(data.buffer), 0, raw);
}
const text = (size: number): Type => ({ kind: "string", size });
const bytesOf = (s: string): number[] => [...new TextEncoder().encode(s)];

describe("raw values", () => {
  const cases: readonly (readonly [name: string, value: unknown, wanted: unknown])[] = [
    ["text", decoded(text(8), ...bytesOf("é!")), "é!"],
    ["a byte order mark", decoded(text(8), ...bytesOf("\ufeffx")), "\ufeffx"],
    ["a real U+FFFD", decoded(text(8), ...bytesOf("\ufffd")), "\ufffd"],
    [
      "a byte that is none",
      decoded(text(8), 97, 0xff),
      { kind: "bytes", text: "a\ufffd", bytes: Uint8Array.of(97, 0xff) },
    ],
    ["what was cut", decoded(text(16), ...bytesOf("123456789012345")), "123456789012345.."],
    [
      "what was cut within a character",
      decoded(text(16), ...bytesOf("12345678901234"), 0xc3),
      { kind: "bytes", text: "12345678901234\ufffd..", bytes: Uint8Array.of(...bytesOf("12345678901234"), 0xc3) },
    ],
    ["a symbol", decoded({ kind: "ksym" }, 1, 2), { kind: "named", text: "schedule", value: 513 }],
    ["a user", decoded({ kind: "username" }, 7), { kind: "named", text: "root", value: 7 }],
    [
      "an error in a tuple",
      decoded({ kind: "tuple", elements: [{ kind: "named", table: "errno" }] }, 2),
      [{ kind: "named", text: "No such file or directory", value: 2 }],
    ],
  ];
  for (const [name, value, wanted] of cases) it(`of ${name}`, () => expect(value).toEqual(wanted));
});
