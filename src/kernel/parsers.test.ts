import { describe, expect, it } from "vitest";
import { splitCommand } from "./child.ts";
import { parseCpuList } from "./cpus.ts";
import { errnoName, SystemCallError, VerifierError } from "./errors.ts";
import { parseLibraryCache } from "./libraries.ts";
import { parseMaps } from "./processes.ts";
import { objectName } from "./struct.ts";
import { syscallName, syscallNames, syscallNumber } from "./system-call-table.ts";
import { parseFormat } from "./tracefs.ts";

describe("format files", () => {
  const text = `name: sched_switch
ID: 311
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

\tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;
\tfield:unsigned long args[6];\toffset:24;\tsize:48;\tsigned:0;
\tfield:const char * filename;\toffset:72;\tsize:8;\tsigned:0;
\tfield:__data_loc char[] name;\toffset:80;\tsize:4;\tsigned:0;
\tfield:__rel_loc cpumask_t mask;\toffset:84;\tsize:4;\tsigned:0;
\tfield:char comm[TASK_COMM_LEN];\toffset:88;\tsize:16;\tsigned:0;
\tfield:pid_t pid;\toffset:104;\tsize:4;\tsigned:1;
\tfield:u8 digits[];\toffset:108;\tsize:0;\tsigned:0;

print fmt: "field:%s;", REC->prev_comm
`;
  const { name, id, fields } = parseFormat(text);
  it("have a name and an id", () => expect([name, id, fields.length]).toEqual(["sched_switch", 311, 10]));
  for (const [field, wanted] of [
    ["common_pid", { type: "int", offset: 4, size: 4, signed: true }],
    ["prev_comm", { type: "char", size: 16, arrayLength: 16 }],
    ["args", { type: "unsigned long", arrayLength: 6, size: 48 }],
    ["filename", { type: "const char *", size: 8 }],
    ["name", { type: "char", location: "absolute" }],
    ["mask", { type: "cpumask_t", location: "relative" }],
    ["comm", { type: "char", arrayLength: 16 }],
    ["digits", { type: "u8", arrayLength: 0 }],
  ] as const) {
    it(`field ${field}`, () => expect(fields.find((one) => one.name === field)).toMatchObject(wanted));
  }
  it("of nothing have no fields", () => expect(parseFormat("")).toEqual({ name: "", id: 0, fields: [] }));
});

describe("maps files", () => {
  it("are read line by line", () => {
    const maps = parseMaps(`55e1c0000000-55e1c0001000 r-xp 00002000 fe:01 1234                       /usr/bin/a b
7ffd00000000-7ffd00001000 rw-p 00000000 00:00 0                          [stack]
7f0000000000-7f0000001000 r--p 00000000 fe:01 9 /lib/x.so (deleted)
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 \n`);
    expect(maps.map(({ path }) => path)).toEqual(["/usr/bin/a b", "[stack]", "/lib/x.so", ""]);
    expect(maps[0]).toEqual({
      start: 0x55e1c0000000n,
      end: 0x55e1c0001000n,
      permissions: "r-xp",
      offset: 0x2000,
      device: "fe:01",
      inode: 1234,
      path: "/usr/bin/a b",
      deleted: false,
    });
    expect(maps[2]?.deleted).toBe(true);
    expect(maps[3]?.start).toBe(0xffffffffff600000n);
  });
});

describe("the linker's cache", () => {
  const strings = "libc.so.6\0/lib/libc.so.6\0";
  const bytes = Buffer.alloc(48 + 24 + strings.length);
  bytes.write("glibc-ld.so.cache1.1", 0, "latin1");
  bytes.writeUInt32LE(1, 20);
  bytes.writeUInt32LE(strings.length, 24);
  bytes.writeInt32LE(0x303, 48);
  bytes.writeUInt32LE(72, 52);
  bytes.writeUInt32LE(82, 56);
  bytes.write(strings, 72, "latin1");
  const wanted = [{ soname: "libc.so.6", path: "/lib/libc.so.6", flags: 0x303 }];
  it("is read, also behind its old form", () => {
    expect(parseLibraryCache(bytes)).toEqual(wanted);
    expect(parseLibraryCache(Buffer.concat([Buffer.from("ld.so-1.7.0\0...."), bytes]))).toEqual(wanted);
  });
  it("is empty for other bytes", () => {
    expect(parseLibraryCache(new Uint8Array(0))).toEqual([]);
    expect(parseLibraryCache(bytes.subarray(0, 60))).toEqual([]);
  });
});

describe("lists, names and numbers", () => {
  it("CPU lists", () => {
    expect(parseCpuList("0-3,8\n")).toEqual([0, 1, 2, 3, 8]);
    expect(parseCpuList("\n")).toEqual([]);
  });
  it("names that the kernel takes", () => expect(objectName("tracepoint:syscalls:x")).toBe("tracepoint_sysc"));
  it("command lines", () => {
    expect(splitCommand(`a 'b c'  "d \\" e"f\\ g`)).toEqual(["a", "b c", 'd " ef g']);
    expect(splitCommand("  ")).toEqual([]);
  });
  it("system calls by number and name", () => {
    expect(syscallName(257, "x64")).toBe("openat");
    expect(syscallName(0, "x64")).toBe("read");
    expect(syscallName(334, "x64")).toBe("rseq");
    expect(syscallName(424, "x64")).toBe("pidfd_send_signal");
    expect(syscallName(400, "x64")).toBeUndefined();
    expect(syscallNumber("openat", "arm64")).toBe(56);
    expect(syscallName(80, "arm64")).toBe("fstat");
    expect(syscallNumber("open", "arm64")).toBeUndefined();
    for (const architecture of ["x64", "arm64"] as const) {
      for (const name of syscallNames(architecture))
        expect(syscallName(syscallNumber(name, architecture)!, architecture)).toBe(name);
    }
  });
  it("errors say what to do", () => {
    expect(errnoName(1)).toBe("EPERM");
    expect(errnoName(524)).toBe("ENOTSUPP");
    expect(new SystemCallError("bpf", 1, "map").message).toMatch(/^map: bpf failed with EPERM .*not permitted/);
    const log = "0: (b7) r0 = 0\nR1 !read_ok\nprocessed 3 insns (limit 1000000)\n";
    expect(new VerifierError("p", 13, log).message).toContain("(R1 !read_ok)");
  });
});
