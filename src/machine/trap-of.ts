// What ended a run, by whichever tier it ran, as a trap: kind, place and message.

import { type Memory, State } from "./memory.ts";
import { type Program, spanOf } from "./program.ts";
import { accessMessage, TRAP_KINDS, type Trap, TrapSignal } from "./trap.ts";

/** What a run of a program was ended by, as a trap. */
export function trapOf(memory: Memory, program: Program, error: unknown): Trap {
  let kind: Trap["kind"] = "internal";
  let message = "";
  let slot = -1;
  const recorded = TRAP_KINDS[memory.u32[State.TRAP_KIND >>> 2] as number];
  if (error instanceof TrapSignal) {
    kind = error.kind;
    message = error.message;
    // Compiled code says where a helper was called before it calls it.
    slot = error.slot >= 0 ? error.slot : (memory.i32[State.TRAP_SLOT >>> 2] as number);
  } else if (recorded !== undefined && recorded !== "none") {
    kind = recorded;
    slot = memory.i32[State.TRAP_SLOT >>> 2] as number;
    message = recordedMessage(memory, kind);
  } else if (error instanceof Error) {
    // Wasm's own traps: in code that is not checked, a wild access; or nesting that is too deep.
    const depth = error instanceof RangeError;
    const wild = /out of bounds/.test(error.message);
    kind = depth ? "call-depth" : wild ? "read" : "internal";
    message = wild ? "an access outside of the machine's memory" : error.message;
  }
  memory.u32[State.TRAP_KIND >>> 2] = 0;
  const span = spanOf(program, slot);
  return { kind, slot, message, ...(span === undefined ? {} : { span }) };
}

function recordedMessage(memory: Memory, kind: Trap["kind"]): string {
  switch (kind) {
    case "read":
    case "write":
      return accessMessage(
        kind === "write",
        memory.u32[State.TRAP_SIZE >>> 2] as number,
        memory.u32[State.TRAP_ADDRESS >>> 2] as number,
        memory.u32[(State.TRAP_ADDRESS >>> 2) + 1] as number,
      );
    case "budget":
      return "the run used up its budget of instructions";
    case "call-depth":
      return "more than 8 frames of local calls";
    default:
      return "there is no instruction here";
  }
}
