// Drops stores to slots that are written again before anyone can read them, and those that stand before a return, which ends
// the slot: a struct that starts as zeros and is then filled, a copy whose members were all known.
//
// Within a block, from its end backwards. Whatever uses a slot's address for something else than a load or store at a known
// place may read all of it, and so may calls, of slots whose address has gone somewhere; but for helpers that fill all of an
// area, whatever happens: what was stored there before is gone.

import { constantOf, endOf, terminatorArgs, useCounts } from "../graph.ts";
import { edgesOf, type Instr, type Value } from "../ir.ts";
import { slotOf } from "./dce.ts";
import type { Pass } from "./pass.ts";
import { exactPlace } from "./reuse-memory.ts";

/** Helpers that write as many bytes as they are told to, zeros where they fail: first the address, then the size. */
const FILLING: ReadonlySet<string> = new Set([
  "get_current_comm",
  "probe_read",
  "probe_read_kernel",
  "probe_read_user",
]);

export const deadStores: Pass = {
  name: "dead-stores",
  run(fn) {
    const slots = new Set<Instr>();
    for (const block of fn.blocks) for (const one of block.instrs) if (one.operation.op === "slot") slots.add(one);
    if (slots.size === 0) return;
    // Slots whose address is more than an operand of loads, stores and calls that give it back.
    const escaped = new Set<Instr>();
    const escapes = (value: Value): void => {
      const slot = slotOf(value);
      if (slot !== undefined) escaped.add(slot);
    };
    for (const block of fn.blocks) {
      for (const { operation, args } of block.instrs) {
        const own = operation.op === "load" || operation.op === "store";
        const address = operation.op === "add" && constantOf(args[1] as Value) !== undefined;
        args.forEach((arg, i) => {
          if (!((own || address) && i === 0)) escapes(arg);
        });
      }
      for (const arg of terminatorArgs(endOf(block))) escapes(arg);
      for (const edge of edgesOf(endOf(block))) edge.args.forEach(escapes);
    }
    const uses = useCounts(fn);
    for (const block of fn.blocks) {
      // Bytes of each slot that are written before they are read.
      const dead = new Map<Instr, Uint8Array>();
      const bytesOf = (slot: Instr): Uint8Array => {
        let bytes = dead.get(slot);
        if (bytes === undefined) {
          const size = slot.operation.op === "slot" ? slot.operation.size : 0;
          dead.set(slot, (bytes = new Uint8Array(size)));
        }
        return bytes;
      };
      if (endOf(block).kind === "return") for (const slot of slots) bytesOf(slot).fill(1);
      const kept: Instr[] = [];
      for (let i = block.instrs.length - 1; i >= 0; i--) {
        const instr = block.instrs[i] as Instr;
        const { operation, args } = instr;
        const place =
          operation.op === "store" || operation.op === "load"
            ? exactPlace(args[0] as Value, operation.offset)
            : undefined;
        if (operation.op === "store" && place !== undefined) {
          const bytes = bytesOf(place.slot);
          const size = operation.size / 8;
          let live = 0;
          for (let n = 0; n < size; n++) if (bytes[place.offset + n] !== 1) live++;
          if (live === 0) {
            for (const arg of args) uses.set(arg, (uses.get(arg) ?? 1) - 1);
            continue;
          }
          bytes.fill(1, place.offset, place.offset + size);
        } else if (
          operation.op === "load" &&
          place !== undefined &&
          operation.volatile !== true &&
          uses.get(instr) === 0
        ) {
          // It was only read for a store that is gone.
          continue;
        } else if (operation.op === "load" && place !== undefined) {
          const size = Number(operation.size.slice(1)) / 8;
          bytesOf(place.slot).fill(0, place.offset, place.offset + size);
        } else if (operation.op === "load") {
          // Through an address that is not followed: of any slot that was given away, or of this one.
          const slot = slotOf(args[0] as Value);
          if (slot !== undefined) dead.delete(slot);
          const { kind } = (args[0] as Value).type;
          if (kind === "int" || kind === "memory" || kind === "stack") for (const one of escaped) dead.delete(one);
        } else if (operation.op !== "add" && operation.op !== "const" && operation.op !== "slot") {
          for (const arg of args) {
            const slot = slotOf(arg);
            if (slot !== undefined) dead.delete(slot);
          }
          // A helper that is handed nothing reads nothing of ours.
          const reads = /^(?:helper|call|kfunc|atomic|copy|zero)$/.test(operation.op) && args.length > 0;
          if (reads && !(operation.op === "helper" && operation.helper === "get_current_comm"))
            for (const one of escaped) dead.delete(one);
          if (operation.op === "helper" && FILLING.has(operation.helper)) {
            const filled = exactPlace(args[0] as Value, 0);
            const size = constantOf(args[1] as Value);
            if (filled !== undefined && size !== undefined && size > 0n && size <= 512n)
              bytesOf(filled.slot).fill(1, filled.offset, filled.offset + Number(size));
          }
        }
        kept.push(instr);
      }
      if (kept.length !== block.instrs.length) block.instrs = kept.reverse();
    }
  },
};
