// What a terminal is given of data that others made.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { escapeControls } from "./control-bytes.ts";

const shown = (bytes: Uint8Array | string, own?: readonly number[]): string =>
  new TextDecoder().decode(escapeControls(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes, own));

describe("control bytes", () => {
  it.each([
    ["plain text\n\twith tabs", "plain text\n\twith tabs"],
    ["\x1b]0;title\x07", "\\x1b]0;title\\x07"],
    ["a\rb\x7f", "a\\x0db\\x7f"],
    ["größe, 文字, 🎈", "größe, 文字, 🎈"],
    ["\u009b31m", "\\xc2\\x9b31m"],
    [Uint8Array.of(0x9b, 0x41, 0xff, 0xc3), "\\x9bA\\xff\\xc3"],
    [Uint8Array.of(0xed, 0xa0, 0x80), "\\xed\\xa0\\x80"],
    [Uint8Array.of(0xe0, 0x80, 0x80), "\\xe0\\x80\\x80"],
    [Uint8Array.of(0xf0, 0x80, 0x80, 0x80), "\\xf0\\x80\\x80\\x80"],
    [Uint8Array.of(0xf4, 0x90, 0x80, 0x80), "\\xf4\\x90\\x80\\x80"],
  ])("%j", (text, wanted) => {
    expect(shown(text)).toBe(wanted);
  });

  it("leaves what is the script's own", () => {
    expect(shown("\x1b[1m\x1b[0m\x1b", [0, 4, 4, 8])).toBe("\x1b[1m\x1b[0m\\x1b");
  });

  it("leaves no control byte, and everything else as it was", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = shown(bytes);
        expect(text).not.toMatch(/[\0-\x08\x0b-\x1f\x7f-\x9f\ufffd]/);
        const back = text.replace(/\\x([0-9a-f]{2})/g, (_, hex) => String.fromCharCode(0xe000 + parseInt(hex, 16)));
        const restored = [...back].flatMap((c) => {
          const code = c.codePointAt(0) as number;
          return code >= 0xe000 && code < 0xe100 ? [code - 0xe000] : [...new TextEncoder().encode(c)];
        });
        // A backslash of the data may look like one of ours; what has none comes back whole.
        if (!bytes.includes(0x5c) && !bytes.includes(0xee)) expect(restored).toEqual([...bytes]);
      }),
    );
  });
});
