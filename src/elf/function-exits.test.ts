import { describe, expect, it } from "vitest";
import { functionExits, goStackCheck } from "./index.ts";

const bytes = (hex: string): Uint8Array =>
  Uint8Array.from(hex.trim().split(/\s+/), (byte) => Number.parseInt(byte, 16));
const words = (...list: number[]): Uint8Array => new Uint8Array(Uint32Array.from(list).buffer);

describe("functionExits", () => {
  it("finds returns, and not their bytes in other instructions", () => {
    //                                    mov $0xc3c3,%eax   je +1  ret  rep ret  ret $8    nop
    expect(functionExits(bytes("b8 c3 c3 00 00   74 01  c3   f3 c3    c2 08 00  90"), "x86_64")).toEqual({
      returns: [7, 8, 10],
      tailJumps: 0,
    });
  });
  it("tells jumps out of the function from those within", () => {
    //                          jmp +0   jmp -4 (start)  jmp 0x100 further       jmp before the start
    expect(functionExits(bytes("eb 00    eb fc           e9 00 01 00 00          eb 80"), "x86_64")).toEqual({
      returns: [],
      tailJumps: 2,
    });
  });
  it("says where it cannot read on", () => {
    expect(functionExits(bytes("90 c3 06 c3"), "x86_64")).toEqual({ returns: [1], tailJumps: 0, unreadable: 2 });
  });
  it("reads arm64", () => {
    //           ret          ret x3       b start      b +0x100     nop
    expect(functionExits(words(0xd65f03c0, 0xd65f0060, 0x17fffffe, 0x14000040, 0xd503201f), "aarch64")).toEqual({
      returns: [0, 4],
      tailJumps: 1,
    });
  });
});

describe("goStackCheck", () => {
  // As Go 1.19 makes main.main of a hello world: cmp 0x10(%r14),%rsp; jbe; sub; …; ret; nop; call morestack; jmp entry
  const main = "49 3b 66 10  76 05  48 83 ec 40  c3  0f 1f 40 00  e8 7b 9e fd ff  eb ea";
  it("stands behind the check of a small frame", () => {
    expect(goStackCheck(bytes(main), "x86_64")).toEqual({ branch: 4, behind: 6, flags: 0x41 });
  });
  it("stands behind both checks of a huge one", () => {
    // mov %rsp,%r12; sub $0x10000,%r12; jb more; cmp 0x10(%r14),%r12; jbe more; nop; ret; more: call; jmp entry
    const huge = "49 89 e4  49 81 ec 00 00 01 00  72 08  4d 3b 66 10  76 02  90 c3  e8 00 00 00 00  eb e5";
    expect(goStackCheck(bytes(huge), "x86_64")).toEqual({ branch: 16, behind: 18, flags: 0x41 });
    const far = "48 39 e0  0f 82 03 00 00 00  90 90 c3  e8 00 00 00 00  eb ed";
    expect(goStackCheck(bytes(far), "x86_64")).toEqual({ branch: 3, behind: 9, flags: 1 });
  });
  it("is nothing where the jump does not start the function again", () => {
    expect(goStackCheck(bytes("48 39 c8  76 01  c3  90 c3"), "x86_64")).toBeUndefined();
    expect(goStackCheck(bytes(main.replace("eb ea", "eb e8")), "x86_64")).toBeUndefined();
    expect(goStackCheck(bytes("c3"), "x86_64")).toBeUndefined();
    expect(goStackCheck(bytes(""), "x86_64")).toBeUndefined();
  });
  it("reads arm64", () => {
    // ldr x16,[x28,#16]; cmp sp,x16; b.ls more; ret; more: mov x3,x30; bl morestack; b entry
    const code = words(0xf9400b90, 0xeb3063ff, 0x54000049, 0xd65f03c0, 0xaa1e03e3, 0x94000100, 0x17fffffa);
    expect(goStackCheck(code, "aarch64")).toEqual({ branch: 8, behind: 12 });
  });
});
