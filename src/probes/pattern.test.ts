// Patterns of names: what they match, whatever stands in them.

import { describe, expect, it } from "vitest";
import { matchesPattern } from "./pattern.ts";

describe("patterns", () => {
  it.each([
    ["vfs_*", "vfs_read", true],
    ["vfs_*", "ksys_read", false],
    ["**d", "vfs_read", true],
    ["?fs", "vfs", true],
    ["[vk]*", "ksys_read", true],
    ["[!vk]*", "ksys_read", false],
    ["[a-k]sys", "ksys", true],
    ["[z-a]*", "vfs_read", false],
    ["[z-ak]sys", "ksys", true],
    ["[", "[", true],
    ["[^-]", "-", false],
    ["[\\]*", "\\x", true],
    ["a.b+", "a.b+", true],
    ["a.b", "axb", false],
  ] as const)("%s and %s", (pattern, name, matches) => expect(matchesPattern(pattern, name)).toBe(matches));
});
