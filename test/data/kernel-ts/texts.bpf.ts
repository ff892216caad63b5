import { bpf, i64, iterate, live, rawTracepoint, ring, struct, text, u32 } from "scry/bpf";
export const pid = live(u32, 0);
const R = struct({ line: text(64), other: text(32) });
export const lines = ring(R);
export const tasks = iterate("task", (event) => {
  const task = event.task;
  if (task === undefined) {
    event.print("end\n");
    return;
  }
  if (task.tgid !== pid.value) return;
  event.print(`${task.pid} ${task.comm} ${task.real_parent.tgid}\n`);
});
export const p = rawTracepoint("sys_enter", (_regs, id) => {
  if (bpf.pid() !== pid.value || id !== 110) return;
  const name = "hello";
  lines.send({ line: `${bpf.pid()} is ${bpf.comm()}, ${name} ${i64(-5)} 100%`, other: `x` });
});
