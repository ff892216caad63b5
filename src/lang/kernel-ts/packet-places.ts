// Helpers that change a packet of a tc program may move it: pointers into it are distances meanwhile, and found again behind the
// call.

import type { CStatement } from "../../c/index.ts";
import { added, type Code, type Place, type Places } from "./header-code.ts";

/** Longer packets than the kernel lets programs point into. */
const FARTHEST = 0x3fff;

/** One more pointer: calls that stand before know it from now on. */
export function keepPlace(code: Code, places: Places | undefined, place: Place): void {
  if (places === undefined) return;
  places.all.push(place);
  for (const move of places.moves) cover(code, places, place, move);
}

/** A call that may move the packet. */
export function moving(code: Code, places: Places, call: () => void): void {
  const { r, span } = code;
  const move: Places["moves"][number] = { before: [], after: [] };
  const block = (statements: CStatement[]): CStatement => ({ kind: "block", statements, span });
  places.moves.push(move);
  r.push(block(move.before));
  call();
  code.set(places.start, code.pointer("data"));
  code.set(places.end, code.pointer("data_end"));
  r.push(block(move.after));
  for (const place of places.all) cover(code, places, place, move);
}

function cover(code: Code, places: Places, { there, root, bytes }: Place, move: Places["moves"][number]): void {
  const { r, types, span } = code;
  const { typing } = types;
  const distance = r.temporary(types.u64, span);
  added(code, move.before, () => {
    r.declare(distance, code.number(0, types.u64));
    code.when(typing.truth(code.read(there)), () => {
      const from = typing.cast(code.read(root), code.byte, span);
      code.set(distance, typing.binary("-", from, code.read(places.start), span));
    });
  });
  added(code, move.after, () =>
    code.when(typing.truth(code.read(there)), () => {
      const by = typing.binary("&", code.read(distance), code.number(FARTHEST, types.u64), span);
      code.set(root, code.ahead(code.read(places.start), by));
      // The packet is no shorter than before, which the verifier does not know: the program ends.
      if (bytes > 0)
        code.when(code.is(">", code.ahead(code.read(root), bytes), code.read(places.end)), () =>
          r.push({ kind: "return", value: code.number(0, types.i32), span }),
        );
    }),
  );
}
