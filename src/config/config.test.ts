import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { DiagnosticError, formatDiagnostic } from "../source/index.ts";
import {
  choice,
  duration,
  either,
  jsonSchema,
  list,
  named,
  number,
  optional,
  readConfig,
  record,
  required,
  text,
} from "./index.ts";

const SERVER = record("a server", {
  address: required(text("an address")),
  weight: optional(number("its weight", { least: 1, most: 100 })),
  kind: optional(choice("its kind", ["plain", "spare"])),
  wait: optional(duration("how long")),
});
const SHAPE = record("a test", {
  servers: optional(named("servers by name", SERVER)),
  ports: optional(list(number("a port", { least: 0, most: 65_535 }))),
  who: optional(either(text("a name"), SERVER)),
});
const read = (yaml: string) => readConfig({ name: "test.yaml", text: yaml }, SHAPE);
const told = (yaml: string): string => {
  try {
    read(yaml);
  } catch (error) {
    if (error instanceof DiagnosticError)
      return error.diagnostics.map((one) => formatDiagnostic(one, error.source)).join("\n");
    throw error;
  }
  return "nothing";
};

describe("configurations", () => {
  it("are values, with places", () => {
    const { value, place, source } = read(
      "servers:\n  one: { address: 10.0.0.1, weight: 5, wait: 500ms }\nports: 80\nwho: me\n",
    );
    expect(value.servers?.get("one")).toEqual({ address: "10.0.0.1", weight: 5, wait: 0.5 });
    expect(value.ports).toEqual([80]);
    expect(value.who).toBe("me");
    const { start, end } = place("servers", "one", "weight");
    expect(source.text.slice(start, end)).toBe("5");
  });

  it("follow anchors", () => {
    const { value } = read("servers:\n  one: &x { address: a }\n  two: *x\n");
    expect(value.servers?.get("two")).toEqual({ address: "a" });
  });

  it.each([
    ["servers:\n  one: { adress: x }", "'adress' is nothing that a server has", "Did you mean 'address'?"],
    ["servers:\n  one: {}", "'address' is missing: an address", "test.yaml:2:8-9"],
    ["ports: [80, 99999]", "99999 is not from 0 to 65535", "test.yaml:1:13-18"],
    ["ports: [eighty]", "'eighty' is no whole number", ""],
    ["servers:\n  one: { address: x, kind: spar }", "'spar' is none of plain, spare", "Did you mean 'spare'?"],
    ["servers:\n  one: { address: x, wait: 5 }", "'5' is no time", "A time is a number with ms, s, m, h or d"],
    ["servers: [1]", "Expected names with a server each, found a list", ""],
    ["a: [", "Flow sequence", "ERROR"],
    ["servers: *nobody", "There is no anchor 'nobody'", "~~~"],
    ["", "Expected a test, found nothing", ""],
  ])("%j is told as %j", (yaml, message, more) => {
    expect(told(yaml)).toContain(message);
    expect(told(yaml)).toContain(more);
  });

  it("of aliases in aliases are no end", () => {
    const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
    for (let i = 1; i < 10; i++)
      lines.push(
        `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(", ")}]`,
      );
    expect(told(lines.join("\n"))).toMatch(/More than \d+ values/);
    expect(told(`ports: ${"[".repeat(5000)}${"]".repeat(5000)}`)).toMatch(/64 deep/);
  });

  it("have a JSON Schema that takes the same", () => {
    const validate = new Ajv2020().compile(jsonSchema("test", SHAPE));
    expect(validate({ servers: { one: { address: "x", weight: 3 } }, ports: 80 })).toBe(true);
    expect(validate({ servers: { one: { address: "x", weight: 300 } } })).toBe(false);
    expect(validate({ other: 1 })).toBe(false);
  });
});
