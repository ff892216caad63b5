import { bpf, hash, live, rawTracepoint, struct, text, u32, u64, userRing } from "scry/bpf";

const Command = struct({ key: u32, by: u64, name: text(16) });
export const commands = userRing(Command, { bytes: 4096 });
export const sums = hash(u32, u64);
export const drained = live(u32, 0);
export const pid = live(u32, 0);

export const p = rawTracepoint("sys_enter", (_regs, id) => {
  if (bpf.pid() !== pid.value || id !== 110) return;
  let known: u32 = 0;
  const count = commands.drain((command) => {
    if (command.key === 99) return true;
    if (command.name === "add") sums.add(command.key, command.by);
    known += 1;
    return false;
  });
  if (count > 0) drained.value += known;
});
