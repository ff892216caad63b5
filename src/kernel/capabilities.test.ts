// What is said where the kernel does not permit something, by what the process has.

import { expect, it } from "vitest";
import { heldCapabilities, refusal } from "./capabilities.ts";

const status = (mask: bigint): string => `Name:\tx\nCapEff:\t${mask.toString(16).padStart(16, "0")}\n`;

it("reads what a process has", () => {
  expect([...heldCapabilities(status(1n << 38n))]).toEqual(["CAP_PERFMON"]);
  expect(heldCapabilities(status(1n << 21n)).has("CAP_BPF")).toBe(true);
  expect(heldCapabilities("").size).toBe(0);
});

it.each([
  ["bpf", 0n, /lacks CAP_BPF and CAP_PERFMON; run as root/],
  ["bpf", 1n << 39n, /lacks CAP_PERFMON; run as root, or give it that/],
  ["mount", (1n << 39n) | (1n << 38n), /lacks CAP_SYS_ADMIN/],
  ["open", (1n << 39n) | (1n << 38n), /lacks CAP_DAC_READ_SEARCH/],
  ["bpf", 1n << 21n, /though this process has CAP_BPF and CAP_PERFMON/],
])("%s with %x", (call, mask, said) => {
  expect(refusal(call, heldCapabilities(status(mask)))).toMatch(said);
});
