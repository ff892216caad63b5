import { globalFunction, list, socketFilter, struct, syscall, u32, u64, type ValueOf } from "scry/bpf";

const Args = struct({ a: u32, b: u32, sum: u64, l: list(u32, 2) });
type Args = ValueOf<typeof Args>;

function weighed({ a, b, l: [first] }: Args): u64 {
  return a * 1000 + b * 100 + first;
}
const answer = globalFunction((n: u32): u32 => n + 1);

export const adds = syscall(Args, ({ a, b }) => a + b);
export const writes = syscall(Args, (args) => {
  args.sum = u64(args.a) * args.b;
  args.l[1] = 7;
});
export const weighs = syscall(Args, (args) => weighed(args));
export const asks = socketFilter((packet) => answer(packet.length));
