// Maps that are keyed by the thread keep deleted entries in place as dead ones (see storage.ts). When a thread ends,
// this program takes its dead entry away. It runs in that very thread, and nobody else uses the entry: nothing is lost.

import { FunctionBuilder, INT, type IrProgram } from "../compiler/index.ts";
import type { StoragePlan } from "../schema/index.ts";

export function reaper(plan: StoragePlan): IrProgram | undefined {
  const maps = [...plan.maps.values()].flatMap((m) =>
    m.storage.kind === "hash" && m.storage.tombstones ? [m.storage] : [],
  );
  if (maps.length === 0) return undefined;
  const b = new FunctionBuilder("scry_reaper", [{ kind: "ctx" }]);
  const key = b.slot(8);
  const tid = b.zext(b.helper("get_current_pid_tgid", [], INT), 32);
  b.store(64, key, 0, tid);
  for (const storage of maps) {
    const next = b.block("next");
    const entry = b.helper("map_lookup_elem", [b.map(storage.map), key], {
      kind: "map-value",
      map: storage.map,
      nullable: true,
    });
    b.must("ne", entry, 0, next);
    b.must("eq", b.load("u64", entry, 0), 0, next);
    b.helper("map_delete_elem", [b.map(storage.map), key]);
    b.jump(next);
    b.enter(next);
  }
  b.return(0);
  return { name: "scry_reaper", functions: [b.finish()] };
}
