// The structs that programs are given, where there are no types of a kernel: they are of its interface, the same on all; and
// the fields of tracepoints, as far as a program names them.

import { type ContextRule, PROGRAM_TYPES, programOfSection } from "../../object/index.ts";
import type { Machine, TracepointField } from "../c/index.ts";
import type { FunctionNode, Node } from "./ast.ts";
import type { Types } from "./types.ts";

/** `struct xdp_md` and its like, by the rules for the programs of a section, as far as these name its members. */
export function interfaceStruct(name: string, section: string, types: Types): number | undefined {
  const known = types.c.own(name, "struct");
  if (known !== undefined) return known;
  const type = programOfSection(section)?.type;
  const rules = type === undefined ? undefined : PROGRAM_TYPES[type].context?.("x86_64");
  if (rules === undefined) return undefined;
  const members = rules.fields.flatMap((field) => {
    const of = typeOfField(field, types);
    return of === undefined ? [] : [{ name: field.name, type: of, bitOffset: field.from * 8, bitfieldSize: 0 }];
  });
  return types.c.add({ kind: "struct", name, size: rules.bytes, members });
}

function typeOfField({ from, to, holds }: ContextRule, types: Types): number | undefined {
  const bytes = to - from;
  if (bytes === 8 && holds !== undefined) return types.c.pointer(0);
  return types.number(`u${bytes * 8}`) ?? (bytes % 4 === 0 ? types.c.array(types.u32, bytes / 4) : undefined);
}

/** In the order of struct pt_regs (arch/x86/include/asm/ptrace.h), eight bytes each. */
const X86 = "r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss".split(" ");

/** `struct pt_regs`; of arm64 the part that users see (struct user_pt_regs). */
export function registersStruct(machine: Machine, types: Types): number {
  const known = types.c.own("pt_regs", "struct");
  if (known !== undefined) return known;
  const { u64 } = types;
  const member = (name: string, type: number, at: number) => ({ name, type, bitOffset: at * 64, bitfieldSize: 0 });
  const members =
    machine === "x86"
      ? X86.map((name, i) => member(name, u64, i))
      : [
          member("regs", types.c.array(u64, 31), 0),
          ...["sp", "pc", "pstate"].map((name, i) => member(name, u64, 31 + i)),
        ];
  return types.c.add({ kind: "struct", name: "pt_regs", size: (machine === "x86" ? 21 : 34) * 8, members });
}

/** Bytes from the start of `struct pt_regs` to a register: `di`, `regs[0]`. */
export function registerOffset(struct: number, register: string, types: Types): number {
  const [, name = register, index] = /^(\w+)\[(\d+)\]$/.exec(register) ?? [];
  const found = types.typing.resolve(struct);
  const member = found.kind === "struct" ? found.members.find((one) => one.name === name) : undefined;
  return (member?.bitOffset ?? 0) / 8 + Number(index ?? 0) * 8;
}

/**
 * The fields of a tracepoint that nothing is known of, as far as its program names them: numbers of 64 bits. On the
 * embedded machine it does not matter where they lie.
 */
export function namedFields(at: Node): readonly TracepointField[] {
  const names = new Set<string>();
  visit(at, (node) => {
    const [event] = isFunction(node) ? node.params : [];
    if (event?.type === "Identifier") collect(node, event.name, names);
  });
  return [...names].map((name, i) => ({ name, type: "long", offset: 8 + i * 8, size: 8, signed: true }));
}

const isFunction = (node: Node): node is FunctionNode => /Function/.test(node.type) && "params" in node;

/** Members of a variable: `event.ret`, `const { ret } = event`. */
function collect(within: Node, variable: string, names: Set<string>): void {
  const isEvent = (node: unknown): boolean =>
    (node as Node | null)?.type === "Identifier" && (node as { name?: string }).name === variable;
  const nameOf = (key: unknown): void => {
    if ((key as Node | null)?.type === "Identifier") names.add((key as { name: string }).name);
  };
  visit(within, (node) => {
    const one = node as unknown as Readonly<Record<string, unknown>>;
    if (node.type === "MemberExpression" && one["computed"] !== true && isEvent(one["object"])) nameOf(one["property"]);
    if (node.type !== "VariableDeclarator" || !isEvent(one["init"])) return;
    const pattern = one["id"] as { type: string; properties?: readonly { key?: unknown }[] };
    for (const { key } of pattern.properties ?? []) nameOf(key);
  });
}

function visit(node: Node, see: (node: Node) => void): void {
  see(node);
  for (const value of Object.values(node))
    for (const one of Array.isArray(value) ? value : [value])
      if (typeof one === "object" && one !== null && typeof (one as Node).type === "string") visit(one as Node, see);
}
