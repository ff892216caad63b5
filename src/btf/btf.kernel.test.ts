// Reading the running kernel's BTF, against bpftool.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { openBtf, printC, printTypeScript } from "./index.ts";

const path = "/sys/kernel/btf/vmlinux";
const present = existsSync(path) && spawnSync("bpftool", ["version"]).status === 0;
if (!present) console.warn("skipped: no BTF of the kernel, or no bpftool");

describe.skipIf(!present)("the kernel's BTF", () => {
  const btf = openBtf(present ? readFileSync(path) : new Uint8Array());
  const dump = present
    ? spawnSync("bpftool", ["btf", "dump", "file", path, "format", "c"], { maxBuffer: 1 << 26 }).stdout.toString()
    : "";
  const raw = present
    ? spawnSync("bpftool", ["btf", "dump", "file", path], { maxBuffer: 1 << 28 }).stdout.toString()
    : "";

  it("has as many types as bpftool counts, of the same kinds and names", () => {
    const heads = [...raw.matchAll(/^\[(\d+)\] (\w+) '(.*?)'/gm)];
    expect(heads.length).toBe(btf.count - 1);
    for (const [, id, kind, name] of heads) {
      const number = Number(id);
      if (btf.kind(number) !== (kind as string).toLowerCase()) expect.fail(`${id}: ${btf.kind(number)}, not ${kind}`);
      if (name !== "(anon)" && btf.name(number) !== name) expect.fail(`${id}: ${btf.name(number)}, not ${name}`);
    }
  });

  it.each([
    "task_struct",
    "file",
    "sk_buff",
    "sock",
    "inode",
    "bpf_prog",
    "pt_regs",
    "file_operations",
    "nf_conn",
    "page",
  ])("prints struct %s as bpftool does, but for padding", (name) => {
    const start = dump.indexOf(`\nstruct ${name} {`) + 1;
    const theirs = dump.slice(start, dump.indexOf("\n}", start) + 3);
    // bpftool adds unnamed bit fields and attributes that force the layout on a compiler.
    const bare = (text: string): string =>
      text
        .replace(/^\s*(long|int|short|char|unsigned \w+|u\d+): \d+;\n/gm, "")
        .replace(/ __attribute__\(\(.*?\)\)/g, "")
        .trim();
    const id = btf.find(name, "struct") as number;
    const whole = bare(dump.slice(start).match(/^struct[\s\S]*?\n\}.*?;/)?.[0] ?? theirs);
    expect(bare(printC(btf, id))).toBe(whole);
    expect(printTypeScript(btf, id)).toContain(`export interface ${name} {`);
  });

  it("decodes every type, and finds fields where the compiler put them", () => {
    for (let id = 0; id < btf.count; id++) btf.type(id);
    const task = btf.find("task_struct", "struct") as number;
    expect(btf.field(task, "comm")).toMatchObject({ bitfieldSize: 0 });
    expect(btf.sizeof(btf.field(task, "comm")?.type as number)).toBe(16);
    const sk = btf.find("sock", "struct") as number;
    // Inside an anonymous union of an embedded struct.
    expect(btf.field(sk, "__sk_common.skc_daddr")?.bitOffset).toBe(0);
  });

  it("reads a module's BTF on top of the kernel's", () => {
    const list = spawnSync("ls", ["/sys/kernel/btf"]).stdout.toString().trim().split("\n");
    const module = list.find((one) => one !== "vmlinux");
    if (module === undefined) return console.warn("skipped: no module has BTF");
    const split = openBtf(readFileSync(`/sys/kernel/btf/${module}`), { base: btf });
    for (let id = split.firstId; id < split.count; id++) split.type(id);
    expect(split.find("task_struct", "struct")).toBe(btf.find("task_struct", "struct"));
  });
});
