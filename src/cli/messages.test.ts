// What a terminal is told of names that others chose.
import { expect, it } from "vitest";
import { diagnosticsOf, renderDiagnostics, withoutControls } from "./messages.ts";
import { CommandLineError } from "./options.ts";

it("control bytes in a name become text, in the message and in the hint", () => {
  const found = {
    diagnostics: [
      {
        severity: "error" as const,
        code: "SCRY0001" as const,
        message: "no \x1b[2J here",
        hints: ["try \x07\n\tthat"],
      },
    ],
  };
  const text = renderDiagnostics(withoutControls(found), "text", undefined, 80);
  expect(text).toContain("no \\x1b[2J here");
  expect(text).toContain("try \\x07\n");
  expect(text).not.toMatch(/[\x07\x1b]/);
});

it("what has none is left as it is", () => {
  const found = diagnosticsOf(new CommandLineError("unknown option '--é'"));
  expect(found).toBeDefined();
  if (found !== undefined) expect(withoutControls(found)).toEqual(found);
});
