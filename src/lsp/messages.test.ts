import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Frames } from "./messages.ts";

const framed = (text: string): Buffer =>
  Buffer.from(`Content-Length: ${Buffer.byteLength(text)}\r\nContent-Type: x; charset=utf-8\r\n\r\n${text}`);

describe("Frames", () => {
  it("gives the same messages, in whatever pieces they come", () => {
    const text = fc.string({ unit: "grapheme" });
    fc.assert(
      fc.property(fc.array(text), fc.array(fc.integer({ min: 1, max: 40 })), (texts, sizes) => {
        const bytes = Buffer.concat(texts.map(framed));
        const frames = new Frames();
        const found: string[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] ?? bytes.length;
          found.push(...frames.feed(bytes.subarray(at, at + size)));
          at += size;
        }
        frames.end();
        expect(found).toEqual(texts);
      }),
    );
  });
  it("says where what is none begins", () => {
    const frames = new Frames();
    const first = framed("{}");
    expect([...frames.feed(first)]).toEqual(["{}"]);
    const where = `at offset 0x${first.length.toString(16)}`;
    expect(() => [...frames.feed(Buffer.from("nonsense\r\n\r\n"))]).toThrow(
      `${where}: a line of a header without a name`,
    );
  });
  it.each([
    ["Content-Length: 9", "the input ends within a message"],
    ["Content-Length: 9\r\n\r\n{}", "the input ends within a message"],
  ])("does not take %j for whole", (bytes, said) => {
    const frames = new Frames();
    expect([...frames.feed(Buffer.from(bytes))]).toEqual([]);
    expect(() => frames.end()).toThrow(said);
  });
});
