// The check of an access against the shadow of memory, as a function of Wasm.

import { Access, I32, I64, Wasm, type WasmFunctionBuilder, type WasmModule } from "../wasm/index.ts";

/** As in `compile.ts`, with the limit of the machine at hand. Answers whether the access is let through. */
export function makeCheck(wasm: WasmModule, limit: number): WasmFunctionBuilder {
  const fn = wasm.function([I64, I32, I32], [I32]);
  const { code } = fn;
  const at = fn.local(I32);
  const left = fn.local(I32);
  const room = fn.local(I32);
  const [address, size, write] = [0, 1, 2];
  code.get(address).globalGet(limit).op(Wasm.i64_extend_i32_u, Wasm.i64_ge_u).if().i32(0).op(Wasm.return).end();
  code.get(address).op(Wasm.i32_wrap).set(at).get(size).set(left);
  code.loop();
  code.get(at).i32(3).op(Wasm.i32_shr_u).globalGet(limit).op(Wasm.i32_add).access(Access.i32_load8_u, 0);
  code.i32(0).i32(4).get(write).op(Wasm.select, Wasm.i32_shr_u).i32(15).op(Wasm.i32_and).set(room);
  code
    .get(at)
    .i32(7)
    .op(Wasm.i32_and)
    .get(left)
    .op(Wasm.i32_add)
    .get(room)
    .op(Wasm.i32_le_u)
    .if()
    .i32(1)
    .op(Wasm.return)
    .end();
  code.get(room).i32(8).op(Wasm.i32_ne).if().i32(0).op(Wasm.return).end();
  code.get(left).i32(8).get(at).i32(7).op(Wasm.i32_and, Wasm.i32_sub, Wasm.i32_sub).set(left);
  code.get(at).i32(-8).op(Wasm.i32_and).i32(8).op(Wasm.i32_add).tee(at);
  code.globalGet(limit).op(Wasm.i32_ge_u).if().i32(0).op(Wasm.return).end();
  code.br(0).end().op(Wasm.unreachable);
  return fn;
}
