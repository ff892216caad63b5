// `scry types`

import { type Btf, openBtf } from "../../btf/index.ts";
import { parseElf } from "../../elf/index.ts";
import { kernelBtf, listTracepoints, tracepointFormat } from "../../kernel/index.ts";
import { type DeclaredKernel, kernelDeclarations, namesOf, type ProgramPlaces } from "../../lang/kernel-types/index.ts";
import { FormatError } from "../../source/index.ts";
import { binaryFunctions, placesOf, probeArguments } from "../../sources/index.ts";
import { readForeign } from "../../symbols/index.ts";
import { type CommandLine, UsageError } from "../options.ts";
import { openStreams, writeOutput } from "../streams.ts";
import { lines } from "./open.ts";

export async function writeDeclarations(line: CommandLine): Promise<number> {
  const { given, rest } = line;
  if (rest[0] !== undefined && !given.has("only"))
    throw new UsageError(`scry types declares what '${rest[0]}' names with --only before it`, []);
  const modules = [...lines(line, "only"), ...rest];
  const file = given.get("btf");
  const binaries = lines(line, "binary");
  const kernel = { ...(file === undefined ? runningKernel() : { btf: btfOf(file) }), programs: programs(binaries) };
  // Of programs alone nothing of the kernel is wanted.
  const names = modules.length + binaries.length === 0 ? undefined : namesOf(modules.map(textOf));
  const text = kernelDeclarations(kernel, names);
  const output = given.get("output");
  if (output !== undefined) writeOutput(output, new TextEncoder().encode(text));
  else {
    const { out } = openStreams(given);
    out.text(text);
    out.flush();
  }
  return 0;
}

/** The kernel that runs. */
export const runningKernel = (): DeclaredKernel => ({
  btf: kernelBtf(),
  tracepoints: () => listTracepoints(),
  tracepoint: (category, name) => tracepointFormat(category, name)?.fields,
});

/** Programs that are named: whole; else what modules name of any. */
function programs(binaries: readonly string[]): ProgramPlaces {
  const known = { function: binaryFunctions(), probe: probeArguments };
  if (binaries.length === 0) return known;
  const places = binaries.map(placesOf);
  return {
    ...known,
    functions: places.flatMap(({ functions }) => functions),
    probes: places.flatMap(({ probes }) => probes),
  };
}

const textOf = (path: string): string => new TextDecoder().decode(readForeign(path));

/** Types as /sys/kernel/btf/vmlinux has them, or those of a kernel's image with symbols. */
function btfOf(path: string): Btf {
  const bytes = readForeign(path);
  if (bytes[0] === 0x9f && bytes[1] === 0xeb) return openBtf(bytes);
  if (bytes[0] !== 0x7f) throw new FormatError(path, "it is neither BTF nor an ELF file");
  const file = parseElf(bytes);
  const section = file.section(".BTF");
  if (section === undefined) throw new FormatError(path, "it has no types: there is no section .BTF");
  return openBtf(file.data(section));
}
