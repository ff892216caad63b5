// How each form of instruction is written: one template a form, from which the disassembler prints and the assembler's
// expression is made. The text is that of the kernel's verifier log and of LLVM's BPF assembler.
//
//     {D} {S}   register by the operation's width: r3 in 64 bits, w3 in 32
//     {d} {s}   address or whole register: r3
//     {v} {V}   src or dst as a value: w3 below 64 bits, r3 else; either is read
//     {x} {X}   src or dst as a value, written r3; either is read
//     {0}       r0 or w0, by the width
//     {text}    the operation's own text         {imm}     a number
//     {+off}    `+ 16`, `- 16`                    {bits}    the width of the memory
//     {target}  `+3` or a label, held in off; `{far}`: the same, held in imm

import type { Form } from "./operations.ts";

/** `call` and `wide` have operands of their own and are written and read by hand. */
export const TEMPLATES: { readonly [form in Exclude<Form, "call" | "wide" | "cast">]: string } = {
  neg: "{D} = -{D}",
  swap: "{d} = {text} {d}",
  "sign-extend": "{D} = ({text}){S}",
  "alu-imm": "{D} {text} {imm}",
  "alu-reg": "{D} {text} {S}",
  "branch-imm": "if {D} {text} {imm} goto {target}",
  "branch-reg": "if {D} {text} {S} goto {target}",
  goto: "{text} {target}",
  callx: "callx {d}",
  gotox: "gotox {d}",
  exit: "exit",
  load: "{X} = *({text} *)({s} {+off})",
  "store-imm": "*({text} *)({d} {+off}) = {imm}",
  "store-reg": "*({text} *)({d} {+off}) = {x}",
  "packet-abs": "r0 = *({text} *)skb[{imm}]",
  "packet-ind": "r0 = *({text} *)skb[{s} + {imm}]",
  atomic: "lock *(u{bits} *)({d} {+off}) {text} {v}",
  "atomic-fetch": "{v} = {text}((u{bits} *)({d} {+off}), {v})",
  exchange: "{v} = {text}({d} {+off}, {v})",
  "compare-exchange": "{0} = {text}({d} {+off}, {0}, {v})",
  "load-acquire": "{V} = {text}((u{bits} *)({s} {+off}))",
  "store-release": "{text}((u{bits} *)({d} {+off}), {v})",
};

/** The parts of a template, in order: literal text and the names of its holes. */
export function templateParts(template: string): readonly { readonly literal?: string; readonly hole?: string }[] {
  return template
    .split(/(\{[^}]+\})/)
    .filter((part) => part !== "")
    .map((part) => (part.startsWith("{") ? { hole: part.slice(1, -1) } : { literal: part }));
}
