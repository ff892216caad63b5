import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { placesOf } from "./binary-functions.ts";

describe("the functions of a program", () => {
  const text = fileURLToPath(import.meta.url);
  it.each([
    [text, `${text}: not an ELF file`],
    ["/no/such/program", "/no/such/program: there is no such file"],
    ["/", "/: it is not a regular file"],
  ])("are not had of %s, and the file is named", (path, message) => {
    expect(() => placesOf(path)).toThrow(message);
  });

  it("are those of its file", () => {
    expect(placesOf(process.execPath).functions.length).toBeGreaterThan(100);
  });
});
