// `scry filter`: packets of a file or an interface that match, printed, counted or written; or the filter's program, explained.

import { closeSync, openSync } from "node:fs";
import { disassembleClassic } from "../../isa/index.ts";
import {
  type CompiledFilter,
  compileFilter,
  drawFilter,
  type ExplainedPacket,
  explainFilter,
  graphFilter,
} from "../../lang/filter/index.ts";
import { DiagnosticError } from "../../source/index.ts";
import { type CommandLine, parseCommandLine, UsageError } from "../options.ts";
import { printText, writeAll } from "../streams.ts";
import { openCaptureBytes } from "./capture-bytes.ts";
import { parseRotation } from "./capture-files.ts";
import { filterCapture } from "./filter-file.ts";
import { FILTER_OPTIONS } from "./filter-options.ts";
import { filterLive } from "./live.ts";
import { ANY } from "./live-source.ts";
import { packetJson, packetLine } from "./packet-lines.ts";
import { Progress } from "./progress.ts";

const LIVE = ["netns", "rotate", "keep", "snapshot", "promiscuous", "process"] as const;

/** Gives the exit status: 1 where a file is damaged, once all that can be read is. */
export async function filterPackets(words: readonly string[]): Promise<number> {
  const form = words.find((word) => /^-d{1,3}$/.test(word));
  const line = parseCommandLine(
    words.filter((word) => word !== form),
    FILTER_OPTIONS,
  );
  const { given } = line;
  const [text, file, ...more] = line.rest;
  if (text === undefined || more.length > 0) throw new UsageError("scry filter takes an expression and a file");
  const linkType = given.get("link-type") ?? "EN10MB";
  const which = /^\d+$/.test(linkType) ? Number(linkType) : linkType;
  if (form !== undefined) {
    printText(1, `${programText(compileFilter(text, { linkType: which, name: "filter" }), form)}\n`);
    return 0;
  }
  if (given.has("explain")) return explain(text, which, file, numberOf(given, "packet", 1), given.get("format"));
  if (given.has("format")) throw new UsageError("--format goes with --explain; --json prints packets as JSON");
  const device = given.get("interface");
  if (device !== undefined) {
    if (file !== undefined) throw new UsageError("scry filter reads a file, or captures with -i, not both");
    return live(text, device, given);
  }
  const alone = LIVE.find((name) => given.has(name));
  if (alone !== undefined) throw new UsageError(`--${alone} is for captures from an interface (-i)`);
  checkText(text, which, given.has("link-type"));
  return filterFile(file ?? "-", text, given);
}

type Given = CommandLine["given"];

/** Throws for what is wrong with a text, before any file is read. What a link type lacks counts only where it was said: files say their own. */
function checkText(text: string, linkType: string | number, said: boolean): void {
  try {
    compileFilter(text, { linkType, mayMatchNothing: true, fromFile: true });
  } catch (error) {
    const ofLink = error instanceof DiagnosticError && error.diagnostics.every(({ code }) => code === "SCRY1506");
    if (said || !ofLink) throw error;
  }
}

/** A number of an option, from 1 on. */
function numberOf(given: Given, name: string, least: number): number | undefined {
  const text = given.get(name);
  if (text === undefined) return undefined;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least)) throw new UsageError(`--${name} takes a number from ${least} on, not '${text}'`);
  return value;
}

function live(text: string, device: string, given: Given): Promise<number> {
  const rotate = given.get("rotate");
  const write = given.get("write");
  const keep = numberOf(given, "keep", 1);
  const packets = numberOf(given, "limit", 1);
  const netns = given.get("netns");
  if (device === ANY && given.has("promiscuous"))
    throw new UsageError("--promiscuous is for one interface, not for all of them (-i any)");
  if (rotate !== undefined && (write === undefined || write === "-"))
    throw new UsageError("--rotate needs files to write to (-w FILE)");
  if (keep !== undefined && rotate === undefined)
    throw new UsageError("--keep is for files that follow each other (--rotate)");
  return filterLive({
    text,
    interface: device,
    count: given.has("count"),
    json: given.has("json"),
    promiscuous: given.has("promiscuous"),
    processes: given.has("process"),
    snapshotLength: numberOf(given, "snapshot", 1) ?? 262144,
    ...(netns === undefined ? {} : { netns }),
    ...(write === undefined ? {} : { write }),
    ...(rotate === undefined ? {} : { rotation: parseRotation(rotate) }),
    ...(keep === undefined ? {} : { keep }),
    ...(packets === undefined ? {} : { packets }),
  });
}

/** A filter as a tree, unless something else is asked for; of a packet, the way that it takes. */
function shown(filter: CompiledFilter, format: string | undefined, packet?: ExplainedPacket): string {
  if (format === "dot" || format === "mermaid") return graphFilter(filter, format, packet);
  const tree = format === "tree" || (format === undefined && packet === undefined);
  return tree ? drawFilter(filter, packet) : explainFilter(filter, packet);
}

/** Prints the graph, or, of a packet of a capture, the way that it takes. */
async function explain(
  text: string,
  linkType: string | number,
  file: string | undefined,
  wanted: number | undefined,
  format: string | undefined,
): Promise<number> {
  if (file === undefined) {
    printText(1, shown(compileFilter(text, { linkType, mayMatchNothing: true }), format));
    return 0;
  }
  const input = openCaptureBytes(file);
  let found = false;
  let line = 0;
  try {
    const { damage } = await filterCapture({
      name: file,
      input,
      filterOf: (type) => compileFilter("", { linkType: type }),
      packet: (packet, number) => {
        line = number;
        if (number !== (wanted ?? 1)) return;
        found = true;
        const filter = compileFilter(text, { linkType: packet.linkType, mayMatchNothing: true, fromFile: true });
        const picture = format === "dot" || format === "mermaid";
        // Of pictures nothing else may be in the text.
        printText(1, `${picture ? "" : `${packetLine(packet)}\n`}${shown(filter, format, packet)}`);
      },
      goesOn: () => !found,
    });
    if (found) return 0;
    throw new UsageError(
      `${file} has ${line} packets, not ${wanted ?? 1}${damage === undefined ? "" : `: ${damage.message}`}`,
    );
  } finally {
    input.close();
  }
}

async function filterFile(file: string, text: string, given: Given): Promise<number> {
  const output = given.get("write");
  const count = given.has("count");
  const most = numberOf(given, "limit", 1);
  const print = given.has("json") ? packetJson : packetLine;
  const filters = new FiltersByLink(text);
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
      filterOf: filters.of,
      ...(most === undefined ? {} : { most }),
      ...(out === undefined ? {} : { write: (bytes) => writeAll(out, bytes, output) }),
      ...(out !== undefined || count
        ? {}
        : {
            packet: (packet) => {
              lines += `${print(packet)}\n`;
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
    for (const message of filters.leftOut) printText(2, `WARNING: ${message}\n`);
    if (counts.damage === undefined) return filters.leftOut.length === 0 ? 0 : 1;
    printText(2, `WARNING: ${counts.damage.message}; ${counts.packets} packets were read before\n`);
    return 1;
  } finally {
    progress?.end();
    input.close();
    if (out !== undefined && out !== 1) closeSync(out);
  }
}

/** The same filter for packets of several link types. */
class FiltersByLink {
  readonly #text: string;
  #any = false;
  /** Which packets are left out, and why. */
  readonly leftOut: string[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  /** Throws for the first link type; of another that the filter is not for, no packet matches. */
  readonly of = (linkType: number): CompiledFilter => {
    try {
      return compileFilter(this.#text, { linkType, mayMatchNothing: true, fromFile: true });
    } catch (error) {
      if (!(error instanceof DiagnosticError) || !this.#any) throw error;
      this.leftOut.push(`Packets of link type ${linkType} are left out: ${error.diagnostics[0]?.message}`);
      return compileFilter("len = 0 and len = 1", { mayMatchNothing: true });
    } finally {
      this.#any = true;
    }
  };
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

/** As tcpdump prints it: for people, as C, as numbers. */
function programText({ classic }: CompiledFilter, form: string): string {
  if (form === "-d") return disassembleClassic(classic);
  if (form === "-dd")
    return classic
      .map(({ code, jt, jf, k }) => `{ 0x${code.toString(16)}, ${jt}, ${jf}, 0x${k.toString(16).padStart(8, "0")} },`)
      .join("\n");
  return [`${classic.length}`, ...classic.map(({ code, jt, jf, k }) => `${code} ${jt} ${jf} ${k}`)].join("\n");
}
