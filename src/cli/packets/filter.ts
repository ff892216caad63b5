// `scry filter`: the packets of a file that match, printed, counted or written; or the filter's program.

import { closeSync, openSync } from "node:fs";
import type { PacketRecord } from "../../capture/index.ts";
import { disassembleClassic } from "../../isa/index.ts";
import { type CompiledFilter, compileFilter } from "../../lang/filter/index.ts";
import { DiagnosticError } from "../../source/index.ts";
import { options, parseCommandLine, UsageError } from "../options.ts";
import { printText, writeAll } from "../streams.ts";
import { openCaptureBytes } from "./capture-bytes.ts";
import { filterCapture } from "./filter-file.ts";
import { Progress } from "./progress.ts";

/** Gives the exit status: 1 where a file is damaged, once all that can be read is. */
export async function filterPackets(words: readonly string[]): Promise<number> {
  const form = words.find((word) => /^-d{1,3}$/.test(word));
  const line = parseCommandLine(
    words.filter((word) => word !== form),
    options("count", "write", "link-type"),
  );
  const [text, file = "-", ...more] = line.rest;
  if (text === undefined || more.length > 0) throw new UsageError("scry filter takes an expression and a file");
  const linkType = line.given.get("link-type") ?? "EN10MB";
  const which = /^\d+$/.test(linkType) ? Number(linkType) : linkType;
  if (form !== undefined) {
    printText(1, `${programText(compileFilter(text, { linkType: which, name: "filter" }), form)}\n`);
    return 0;
  }
  const filterOf = (linkType: number): CompiledFilter => compileFilter(text, { linkType, mayMatchNothing: true });
  // What is wrong with the text is said before the file is read; a link type may lack what another has.
  compileFilter(text, { linkType: which, mayMatchNothing: true });
  return filterFile(file, filterOf, line.given.get("write"), line.given.has("count"));
}

async function filterFile(
  file: string,
  filterOf: (linkType: number) => CompiledFilter,
  output: string | undefined,
  count: boolean,
): Promise<number> {
  const input = openCaptureBytes(file);
  const out = output === undefined ? undefined : output === "-" ? 1 : openOutput(output);
  const progress = out === undefined && !count ? undefined : new Progress(input.progress);
  let lines = "";
  const printLines = (): void => {
    if (lines !== "") printText(1, lines);
    lines = "";
  };
  try {
    const counts = await filterCapture({
      name: file === "-" ? "standard input" : file,
      input,
      filterOf,
      ...(out === undefined ? {} : { write: (bytes) => writeAll(out, bytes, output) }),
      ...(out !== undefined || count
        ? {}
        : {
            packet: (packet) => {
              lines += `${packetLine(packet)}\n`;
              if (lines.length > LINES) printLines();
            },
          }),
      goesOn: (packets, matched) => {
        progress?.show(packets, matched);
        printLines();
        return true;
      },
    });
    printLines();
    progress?.end();
    if (count) printText(out === 1 ? 2 : 1, `${counts.matched}\n`);
    if (counts.damage === undefined) return 0;
    printText(2, `WARNING: ${counts.damage.message}; ${counts.packets} packets were read before\n`);
    return 1;
  } finally {
    progress?.end();
    input.close();
    if (out !== undefined && out !== 1) closeSync(out);
  }
}

/** Text that is printed at once. */
const LINES = 1 << 16;

function openOutput(file: string): number {
  try {
    return openSync(file, "w");
  } catch (error) {
    const message = `failed to open the output '${file}': ${(error as NodeJS.ErrnoException).code}`;
    throw new DiagnosticError([{ code: "SCRY1116", severity: "error", message }]);
  }
}

/** When, how long, and the first bytes. */
function packetLine({ time, length, data }: PacketRecord): string {
  const when = time === undefined ? "-" : `${time / 1_000_000_000n}.${`${time % 1_000_000_000n}`.padStart(9, "0")}`;
  const bytes = Buffer.from(data.buffer, data.byteOffset, Math.min(data.length, 48)).toString("hex");
  return `${when} ${length} ${bytes}${data.length > 48 ? "…" : ""}`;
}

/** As tcpdump prints it: for people, as C, as numbers. */
function programText({ classic }: CompiledFilter, form: string): string {
  if (form === "-d") return disassembleClassic(classic);
  if (form === "-dd")
    return classic
      .map(({ code, jt, jf, k }) => `{ 0x${code.toString(16)}, ${jt}, ${jf}, 0x${k.toString(16).padStart(8, "0")} },`)
      .join("\n");
  return [`${classic.length}`, ...classic.map(({ code, jt, jf, k }) => `${code} ${jt} ${jf} ${k}`)].join("\n");
}
