// Callbacks that helpers run: the states in which they begin.

import type { Helper } from "../object/index.ts";
import type { Gathered } from "./arguments.ts";
import type { Checker } from "./checker.ts";
import { KERNEL_WORD } from "./contexts.ts";
import { MAX_FRAMES } from "./references.ts";
import { refuse } from "./refusal.ts";
import { UNKNOWN } from "./scalar.ts";
import { givenDynptr } from "./stack-objects.ts";
import { copyState, newFrame, type State, topFrame } from "./state.ts";
import { type Pointer, pointer, type Value } from "./value.ts";

/** Where exploring goes on apart from the state at hand. */
export type Push = (state: State) => void;

/** Pushes the state in which the callback begins; when it returns, the call is come to again. */
export function enterCallback(checker: Checker, state: State, entry: Helper, gathered: Gathered, push: Push): void {
  const { name } = entry;
  const start = gathered.callback as number;
  const regs = topFrame(state).regs;
  const map = gathered.map;
  const timer = name === "timer_set_callback";
  if (!timer && state.frames.length >= MAX_FRAMES) {
    refuse("stack", `More than ${MAX_FRAMES} calls are open at once`, []);
  }
  const frame = newFrame(state.pc, {
    helper: timer ? -1 : state.pc,
    resultMax: timer ? 0n : 1n,
    refs: timer ? 0 : state.refs.length,
    regions: timer ? 0 : state.regions,
  });
  const { regs: args } = frame;
  switch (name) {
    case "loop":
      args[1] = UNKNOWN;
      args[2] = regs[3] as Value;
      break;
    case "for_each_map_elem":
      args[1] = gathered.mapPointer as Pointer;
      args[2] = pointer("map-key", { map });
      args[3] = pointer("map-value", { map, id: checker.newId() });
      args[4] = regs[3] as Value;
      break;
    case "user_ringbuf_drain":
      args[1] = givenDynptr(checker);
      args[2] = regs[3] as Value;
      break;
    case "find_vma":
      args[1] = KERNEL_WORD;
      args[2] = KERNEL_WORD;
      args[3] = regs[4] as Value;
      break;
    case "timer_set_callback": {
      const inside = regs[1] as Pointer;
      args[1] = pointer("map", { map: inside.map });
      args[2] = pointer("map-key", { map: inside.map });
      args[3] = pointer("map-value", { map: inside.map, id: checker.newId() });
      break;
    }
    default:
      refuse("unsupported", `The callback of ${name} is not known to this verifier`, []);
  }
  const next = copyState(state);
  next.frames = timer ? [frame] : [...next.frames, frame];
  if (timer) {
    next.refs = [];
    next.regions = 0;
  }
  next.frames[next.frames.length - 1]?.regs.splice(10, 1, pointer("stack", { frame: next.frames.length - 1 }));
  next.from = -1;
  next.pc = start;
  push(next);
}
