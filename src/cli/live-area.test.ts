// What a terminal is told of maps that are drawn again and again.

import { expect, it } from "vitest";
import { LiveArea } from "./live-area.ts";

/** A terminal of so many rows, which knows what is told here: its lines at the end. */
function shown(rows: number, run: (area: LiveArea, print: (text: string) => void) => void): string[] {
  let screen = "";
  const write = (bytes: Uint8Array): void => {
    for (const part of new TextDecoder().decode(bytes).split(/(\x1b\[[\d?;]*[A-Za-z])/)) {
      const up = /^\x1b\[(\d+)A$/.exec(part);
      if (up !== null)
        screen = screen
          .split("\n")
          .slice(0, -1 - Number(up[1]))
          .join("\n")
          .concat("\n");
      else if (!part.startsWith("\x1b[")) screen += part.replace(/^\r/, "");
    }
  };
  const area = new LiveArea(write, () => rows);
  run(area, (text) => {
    area.erase();
    write(new TextEncoder().encode(text));
  });
  return screen.replace(/^\n/, "").split("\n").slice(0, -1);
}

const draw = (area: LiveArea, text: string): void => area.draw(undefined, (out) => out.text(text));

it("takes the place of what was drawn before", () => {
  expect(
    shown(24, (area) => {
      draw(area, "@a: 1\n@b: 2\n");
      draw(area, "@a: 5\n");
    }),
  ).toEqual(["@a: 5"]);
});

it("stays below what is printed", () => {
  expect(
    shown(24, (area, print) => {
      draw(area, "@a: 1\n");
      print("line 1\n");
      draw(area, "@a: 2\n");
      print("line 2\n");
      draw(area, "@a: 3\n");
    }),
  ).toEqual(["line 1", "line 2", "@a: 3"]);
});

it("is no higher than the terminal", () => {
  expect(shown(3, (area) => draw(area, "1\n2\n3\n4\n"))).toEqual(["3", "4"]);
});

it("shows control bytes of what is traced", () => {
  expect(shown(24, (area) => draw(area, "@[\x1b[2J]: 1\n"))).toEqual(["@[\\x1b[2J]: 1"]);
});
