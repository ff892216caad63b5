// `scry filter`: the packets of a file that match, printed, counted or written; or the filter's program.

import { closeSync, createReadStream, openSync } from "node:fs";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { type CapturedPacket, CaptureReader } from "../../capture/index.ts";
import { disassembleClassic } from "../../isa/index.ts";
import { type CompiledFilter, compileFilter } from "../../lang/filter/index.ts";
import { DiagnosticError, FormatError } from "../../source/index.ts";
import { options, parseCommandLine, UsageError } from "../options.ts";
import { printText, writeAll } from "../streams.ts";

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
  const filters = new Map<number, CompiledFilter>();
  const filterOf = (packet: CapturedPacket): CompiledFilter => {
    let filter = filters.get(packet.linkType);
    if (filter === undefined) {
      filter = compileFilter(text, { linkType: packet.linkType, mayMatchNothing: true });
      filters.set(packet.linkType, filter);
    }
    return filter;
  };
  // What is wrong with the text is said before the file is read; a link type may lack what another has.
  if (file === "-") compileFilter(text, { linkType: which, mayMatchNothing: true });
  return filterFile(file, filterOf, line.given.get("write"), line.given.has("count"));
}

async function filterFile(
  file: string,
  filterOf: (packet: CapturedPacket) => CompiledFilter,
  output: string | undefined,
  count: boolean,
): Promise<number> {
  const name = file === "-" ? "standard input" : file;
  const reader = new CaptureReader(name);
  const out = output === undefined ? undefined : output === "-" ? 1 : openOutput(output);
  let matched = 0;
  let all = 0;
  let damage: FormatError | undefined;
  try {
    for await (const bytes of bytesOf(file)) {
      const parts: Uint8Array[] = [];
      let lines = "";
      try {
        for (const item of reader.read(bytes)) {
          if (item.kind === "other") {
            parts.push(item.raw);
            continue;
          }
          all++;
          if (!filterOf(item).matches(item.data, { length: item.length })) continue;
          matched++;
          if (out !== undefined) parts.push(item.raw);
          else if (!count) lines += `${packetLine(item)}\n`;
        }
      } finally {
        if (out !== undefined) writeAll(out, Buffer.concat(parts), output);
        if (lines !== "") printText(1, lines);
      }
    }
    reader.end();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    damage = error;
  } finally {
    if (out !== undefined && out !== 1) closeSync(out);
  }
  if (count) printText(out === 1 ? 2 : 1, `${matched}\n`);
  if (damage !== undefined) {
    printText(2, `WARNING: ${damage.message}; ${all} packets were read before\n`);
    return 1;
  }
  return 0;
}

function failure(code: "SCRY1116" | "SCRY1126", message: string): never {
  throw new DiagnosticError([{ code, severity: "error", message }]);
}

function openOutput(file: string): number {
  try {
    return openSync(file, "w");
  } catch (error) {
    return failure("SCRY1116", `failed to open the output '${file}': ${(error as NodeJS.ErrnoException).code}`);
  }
}

const GZIP = 0x8b1f;

/** The bytes of a file or of standard input, unpacked where they are by gzip. */
async function* bytesOf(file: string): AsyncGenerator<Uint8Array> {
  const stream = file === "-" ? process.stdin : createReadStream(file, { highWaterMark: 1 << 20 });
  let unpacked = 0;
  try {
    const chunks = (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    const first = await chunks.next();
    if (first.done === true) return;
    const all = async function* (): AsyncGenerator<Buffer> {
      yield first.value;
      for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
    };
    if (first.value.length < 2 || first.value.readUInt16LE(0) !== GZIP) {
      yield* all();
      return;
    }
    const unpack = createGunzip();
    // What goes wrong is thrown where the unpacked bytes are read.
    pipeline(Readable.from(all()), unpack, () => undefined);
    for await (const chunk of unpack as AsyncIterable<Buffer>) {
      unpacked += chunk.length;
      yield chunk;
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof DiagnosticError || code === undefined) throw error;
    if (code.startsWith("Z_")) throw new FormatError(file, "what gzip packed is damaged", unpacked);
    failure("SCRY1126", `failed to open the capture '${file}': ${code}`);
  }
}

/** When, how long, and the first bytes. */
function packetLine({ time, length, data }: CapturedPacket): string {
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
