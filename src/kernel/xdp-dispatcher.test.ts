// What stands in the map of a dispatcher: written, read, and what is made of bytes of others.

import { describe, expect, it } from "vitest";
import {
  type DispatcherEntry,
  decodeDispatcherConfig,
  dispatcherObject,
  dispatcherVersion,
  encodeDispatcherConfig,
} from "./xdp-dispatcher.ts";

const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString("hex")
    .replace(/(00)+$/, "");

const entries: readonly DispatcherEntry[] = [
  { priority: 10, chainCall: ["pass"], frags: true },
  { priority: 0xffffffff, chainCall: ["aborted", "drop", "redirect"], frags: false },
];

describe("the configuration of a dispatcher", () => {
  it("is as libxdp's struct xdp_dispatcher_config", () => {
    const bytes = encodeDispatcherConfig(entries);
    expect(bytes).toHaveLength(124);
    // magic, version, programs, frags; chain_call_actions with bit 31 for functions that nobody stands in for.
    expect(hex(bytes.subarray(0, 44))).toBe("ec020200" + "04000080" + "13000080");
    expect(hex(bytes.subarray(44, 84))).toBe("0a000000" + "ffffffff");
    // BPF_F_XDP_HAS_FRAGS
    expect(hex(bytes.subarray(84))).toBe("20");
    expect(encodeDispatcherConfig([entries[0] as DispatcherEntry])[3]).toBe(1);
    expect(decodeDispatcherConfig(bytes)).toEqual({ version: 2, entries });
  });

  it("of version 1 has no mark: its types tell", () => {
    const bytes = new Uint8Array(84);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, 1);
    view.setUint32(4, 0x80000006, true);
    view.setUint32(44, 20, true);
    expect(decodeDispatcherConfig(bytes)).toBeUndefined();
    expect(decodeDispatcherConfig(bytes, 1)).toEqual({
      version: 1,
      entries: [{ priority: 20, chainCall: ["drop", "pass"], frags: false }],
    });
  });

  it("of a later version is told by its number alone", () => {
    expect(decodeDispatcherConfig(Uint8Array.of(236, 3, 200, 0))).toEqual({ version: 3, entries: [] });
  });

  it("that makes no sense is refused with its place", () => {
    const bytes = encodeDispatcherConfig(entries);
    expect(() => decodeDispatcherConfig(bytes.subarray(0, 123))).toThrow(/version 2.*it has 123 bytes, not 124/);
    bytes[2] = 11;
    expect(() => decodeDispatcherConfig(bytes)).toThrow(/it tells of 11 programs/);
    expect(decodeDispatcherConfig(new Uint8Array(0))).toBeUndefined();
    expect(decodeDispatcherConfig(new Uint8Array(124))).toBeUndefined();
  });
});

it("the types of a dispatcher tell its version", () => {
  expect(dispatcherVersion(dispatcherObject(entries).types)).toBe(2);
  expect(dispatcherVersion(undefined)).toBeUndefined();
});
