import { describe, expect, it } from "vitest";
import { ownWords } from "./compiler-words.ts";

const words = (line: string): string => ownWords(line.split(" ")).join(" ");

describe("a compiler's words", () => {
  it.each([
    ["-target bpf -O2 -g -c x.bpf.c -o x.o", "x.bpf.c -o x.o"],
    [
      "--target=bpfel -mcpu=v3 -Wall -Wno-unused-value -Werror -std=gnu11 x.c",
      "--warn no-unused-value --warn error x.c",
    ],
    ["-w -Wextra -Wno-error x.c", "--warn none x.c"],
    ["-Iinc -I inc -DA -DB=1 -D C=2 x.c", "-Iinc -I inc -DA -DB=1 -D C=2 x.c"],
    ["-isystem sys -Iinc -idirafter=last x.c", "-Iinc x.c -I sys -I last"],
    ["-include own.h -iquote q x.c", "--include own.h -I q x.c"],
    ["-MD -MP -MF x.d -MT x.o x.c", "x.c"],
    ["-Xclang -target-feature -Xclang +alu32 -mllvm -bpf-stack-size=1024 x.c", "x.c"],
    ["-fno-stack-protector -fPIC -fno-builtin -ffreestanding -fms-extensions -pipe x.c", "x.c"],
    ["-DA -UA x.c", "-DA --undefine A x.c"],
    ["-UA -DB -DA x.c", "-DB -DA x.c"],
    ["-U A -D A=1 x.c", "-D A=1 x.c"],
    ["-p compile_commands.json", "-p compile_commands.json"],
    ["-f json x.c", "-f json x.c"],
    ["-o -c.o x.c", "-o -c.o x.c"],
    ["--define A --color never x.c", "--define A --color never x.c"],
    ["a.o b.o -o x.o -- -c.o", "a.o b.o -o x.o -- -c.o"],
  ])("%s", (line, own) => expect(words(line)).toBe(own));

  it.each([
    ["-target x86_64 x.c", "-target x86_64 is not taken: code is made for BPF"],
    ["--target=bpfeb x.c", "--target=bpfeb is not taken: code is made for BPF"],
    ["-E x.c", "-E is not taken: what is made is an object"],
    ["-emit-llvm x.c", "-emit-llvm is not taken: what is made is an object"],
    ["-fpack-struct x.c", "-fpack-struct is not taken: it makes other data of the same text"],
    ["-fshort-enums x.c", "-fshort-enums is not taken"],
    ["-funsigned-char x.c", "-funsigned-char is not taken"],
    ["-std=c++20 x.cc", "-std=c++20 is not taken: it is C that is compiled"],
    ["-x c++ x.c", "-x c++ is not taken"],
    ["--sysroot=/x x.c", "--sysroot=/x is not taken"],
    ["@words x.c", "@words is not taken"],
    ["-mfancy x.c", "unknown option: -mfancy"],
    ["-fancy x.c", "unknown option: -fancy"],
    ["x.c -MF", "-MF needs a value"],
    ["x.c -o", "-o needs a value"],
  ])("refuses %s", (line, error) => expect(() => words(line)).toThrow(error));
});
