import { describe, expect, it } from "vitest";
import { count, counters, mapValue, objectOf } from "../../test/data/small-programs.ts";
import { isLinux, lacking } from "../../test/support/skips.ts";
import { exit, load, movImm, movReg, storeImm, storeReg } from "../isa/index.ts";
import { assembleCode, type BpfObject } from "../object/index.ts";
import { hasFeature, loadObject, loadObjectParallel, programInfo, testRun, VerifierError } from "./index.ts";

const first = <T>(values: Iterable<T>): T => values[Symbol.iterator]().next().value as T;

describe("loading", () => {
  it("runs a raw tracepoint program on demand, with its context", () => {
    const code = [load(64, 7, 1, 8), mapValue(1, "counters", 16), storeReg(64, 1, 0, 7), movImm(0, 5), exit()];
    using object = loadObject(objectOf("raw_tracepoint", code, [counters]));
    const program = first(object.programs.values());
    const result = testRun(program.fd, { context: new Uint8Array(BigUint64Array.of(1n, 77n).buffer) });
    expect(result.value).toBe(5);
    expect(new BigUint64Array(object.maps.get("counters")?.mapped() as ArrayBuffer)[2]).toBe(77n);
  });

  it("runs an XDP program over a packet", () => {
    using object = loadObject(objectOf("xdp", [movImm(0, 2), exit()], []));
    const result = testRun(first(object.programs.values()).fd, { data: new Uint8Array(64).fill(9), repeat: 10 });
    expect(result.value).toBe(2);
    expect(result.data).toEqual(new Uint8Array(64).fill(9));
  });

  it("tells what the kernel knows of a program", () => {
    using object = loadObject(objectOf("tracepoint", count(false), [counters], { name: "a name: with more" }));
    const info = programInfo(first(object.programs.values()).fd);
    expect(info).toMatchObject({ type: "tracepoint", name: "a_name_with_mor" });
    // The kernel has counted them since Linux 5.16; cookies came a version before.
    if (hasFeature("perfEventCookie")) expect(info.verifiedInstructions).toBeGreaterThan(3);
    expect(info.tag).toMatch(/^[0-9a-f]{16}$/);
  });

  describe("a function that is given memory", () => {
    const withMemory = (guarded: boolean): BpfObject => ({
      maps: [],
      license: "GPL",
      programs: [
        {
          name: "asks",
          type: "xdp",
          attach: [],
          functions: [
            {
              name: "asks",
              parameters: 1,
              code: assembleCode("*(u64 *)(r10 - 8) = 41\nr1 = r10\nr1 += -8\ncall of\nexit"),
            },
            {
              name: "of",
              parameters: 1,
              global: { context: false, memory: 8 },
              code: assembleCode(
                `r0 = 0${guarded ? "\nif r1 == 0 goto +2" : ""}\nr0 = *(u64 *)(r1 + 0)\nr0 += 1\nexit`,
              ),
            },
          ],
        },
      ],
    });

    it("is verified by itself, or with its callers where the kernel knows no other way", () => {
      using object = loadObject(withMemory(true));
      expect(testRun(first(object.programs.values()).fd, { data: new Uint8Array(64) }).value).toBe(42);
    });

    it.skipIf(lacking("memory that may be missing", { "Linux 5.12": isLinux(5, 12) }))(
      "has to ask whether there is any",
      () => {
        expect(() => loadObject(withMemory(false))).toThrow(VerifierError);
      },
    );
  });

  it("carries source lines, and maps a refusal to its span", () => {
    const source = { name: "stdin", text: "begin {\n  @x = *bad;\n}\n" };
    const at = source.text.indexOf("*bad");
    const span = { start: at, end: at + 4 };
    const good: BpfObject = {
      ...objectOf(
        "raw_tracepoint",
        [
          { ...movImm(0, 0), span },
          { ...exit(), span: { start: 0, end: 5 } },
        ],
        [],
      ),
      source,
    };
    using object = loadObject(good, { logLevel: 2 });
    // Where the line is has been said since Linux 6.9, as may_goto has been known.
    const line = hasFeature("mayGoto") ? /; +@x = \*bad; @ stdin:2/ : /; +@x = \*bad;/;
    expect(first(object.programs.values()).log).toMatch(line);
    expect(programInfo(first(object.programs.values()).fd).btfId).toBeGreaterThan(0);

    const code = [movImm(0, 0), { ...storeImm(64, 0, 0, 1), span }, { ...exit(), span: { start: 0, end: 5 } }];
    const bad: BpfObject = { ...objectOf("raw_tracepoint", code, []), source };
    let refusal: unknown;
    try {
      loadObject(bad);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(VerifierError);
    expect((refusal as VerifierError).span).toEqual(span);
    expect((refusal as VerifierError).message).toMatch(/verifier refused program "probe".*R0/);
    expect((refusal as VerifierError).code).toBe("EACCES");
  });

  it.skipIf(!hasFeature("callbacks"))("links callbacks, whose types the kernel wants", () => {
    const object: BpfObject = {
      maps: [counters],
      license: "GPL",
      programs: [
        {
          name: "loop",
          type: "raw_tracepoint",
          attach: [],
          functions: [
            {
              name: "loop",
              parameters: 1,
              code: [
                movImm(1, 5),
                { op: 0x18, dst: 2, src: 4, off: 0, imm: 0, imm64: 0n, ref: { kind: "function", function: "body" } },
                movImm(3, 0),
                movImm(4, 0),
                { op: 0x85, dst: 0, src: 0, off: 0, imm: 181 },
                exit(),
              ],
            },
            { name: "body", parameters: 2, code: count(false) },
          ],
        },
      ],
    };
    using loaded = loadObject(object);
    expect(testRun(first(loaded.programs.values()).fd).value).toBe(5);
    expect(new BigUint64Array(loaded.maps.get("counters")?.mapped() as ArrayBuffer)[0]).toBe(5n);
  });

  it("loads side by side, in the order of the object, and undoes all where one is refused", async () => {
    const [one] = objectOf("tracepoint", count(false), [counters]).programs;
    const many: BpfObject = {
      maps: [counters],
      license: "GPL",
      programs: Array.from({ length: 12 }, (_, i) => ({ ...one!, name: `p${i}` })),
    };
    using object = await loadObjectParallel(many);
    expect([...object.programs.keys()]).toEqual(many.programs.map((program) => program.name));
    const bad = { ...one!, name: "bad", functions: [{ name: "bad", parameters: 1, code: [movReg(0, 5), exit()] }] };
    await expect(loadObjectParallel({ ...many, programs: [...many.programs, bad] })).rejects.toThrow(/R5 !read_ok/);
  });
});
