// `config`: what the script runs by, as a record.

import { writeText } from "../../../codegen/index.ts";
import { BOOL, elementOffsets, INT64, type Type, utf8Length } from "../../../schema/index.ts";
import { type CheckState, configKeys } from "../check/index.ts";
import type { Builtins } from "./builtin.ts";

type Setting = string | number | boolean;

/** Settings that choose something here, in the order of the table. */
function settings(c: CheckState): { readonly name: string; readonly value: Setting }[] {
  return configKeys.flatMap(({ key, option }) =>
    option === undefined || option === "clockMap" ? [] : [{ name: key, value: c.options[option] }],
  );
}

const typeOfSetting = (value: Setting): Type =>
  typeof value === "boolean"
    ? BOOL
    : typeof value === "number"
      ? INT64
      : { kind: "string", size: utf8Length(value) + 1 };

export const settingBuiltins: Builtins = {
  config: {
    doc: "What the script runs by, as a record: its settings by their names.",
    signature: "config.NAME",
    types: "record",
    example: "config = { max_strlen = 64 } begin { print(config.max_strlen); exit(); }",
    cost: 0,
    check: (c) => {
      const all = settings(c);
      return { kind: "record", names: all.map((s) => s.name), elements: all.map((s) => typeOfSetting(s.value)) };
    },
    into: (l, _use, type, to, offset, options) => {
      if (type.kind !== "record") return [];
      const offsets = elementOffsets(type.elements);
      if (options.pad) l.b.zero(to, offset, Math.ceil((offsets.at(-1) ?? 0) / 8) * 8 + 8);
      for (const [i, { value }] of settings(l.check).entries()) {
        const at = offset + (offsets[i] as number);
        const element = type.elements[i] as Type;
        if (typeof value === "string")
          writeText(l, value, element.kind === "string" ? element.size : value.length + 1, to, at, options);
        else
          l.b.store(typeof value === "boolean" ? 8 : 64, to, at, typeof value === "boolean" ? (value ? 1 : 0) : value);
      }
      return [];
    },
  },
};
