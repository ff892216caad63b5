// `scry/test`: kernel modules under test, with no kernel and no privileges.
//
//     const t = await testProgram<typeof import("./slow-reads.bpf.ts")>(new URL("./slow-reads.bpf.ts", import.meta.url));
//     t.fire("sys_enter_read", {}, { pid: 7 });
//     t.time.advance(20_000_000);
//     t.fire("sys_exit_read", { ret: 5 }, { pid: 7, comm: "cat" });
//     expect(t.slow.drain()).toEqual([{ pid: 7, comm: "cat", ns: 20_000_000n }]);

import { type EmbeddedLoadOptions, load, type PackedModule } from "./loader/index.ts";
import type { EmbeddedModule } from "./user-side/index.ts";

export type {
  EmbeddedModule,
  EmbeddedProgram,
  EventFields,
  EventSource,
  ProgramRun,
  RunOptions,
} from "./user-side/index.ts";

export type TestOptions = Omit<EmbeddedLoadOptions, "machine">;

/**
 * The module on a machine of its own, whose clock stands still at 0 until it is told to go on, and whose random numbers are
 * the same each time. Throws a DiagnosticError for what is wrong with the text, or for what that machine has not.
 */
export const testProgram = <M extends object = Record<never, never>>(
  module: URL | string | PackedModule,
  options: TestOptions = {},
): Promise<EmbeddedModule<M>> => load<M>(module, { clock: "still", ...options, machine: "embedded" });
