// Calls of kernel functions (kfuncs) by name.

import { kernelFunction } from "../object/index.ts";
import { argument, pointerArgument, wrong } from "./arguments.ts";
import type { Checker } from "./checker.ts";
import { KERNEL_WORD } from "./contexts.ts";
import { clobber, release } from "./references.ts";
import { refuse } from "./refusal.ts";
import { UNKNOWN } from "./scalar.ts";
import { type State, topFrame } from "./state.ts";
import { pointer } from "./value.ts";

/** A call of a kernel function by name. */
export function callKernelFunction(checker: Checker, state: State, name: string): void {
  const entry = kernelFunction(name);
  if (entry === undefined) refuse("unsupported", `The kernel function ${name} is not known to this verifier`, []);
  entry.args.forEach((kind, i) => {
    const value = argument(state, i + 1, name);
    if (kind === "any") return;
    const object = pointerArgument(name, i + 1, "a kernel object", value);
    if (object.to !== "kernel") wrong(name, i + 1, "a kernel object", value);
    if (kind === "release") {
      if (object.ref === 0)
        refuse("reference", `${name} is given something that this program did not acquire (r${i + 1})`, [i + 1]);
      release(state, object.ref);
    }
  });
  const frame = topFrame(state);
  clobber(frame);
  if (entry.returns === "int") frame.regs[0] = UNKNOWN;
  else if (entry.returns === "kernel") frame.regs[0] = KERNEL_WORD;
  else if (entry.returns === "acquire") {
    const id = checker.newId();
    state.refs = [...state.refs, { id, slot: state.pc }];
    frame.regs[0] = pointer("kernel", { nullable: true, id, ref: id });
  }
}
