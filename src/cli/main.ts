// The command `scry`.

import type { SourceText } from "../source/index.ts";
import { completion, shells } from "./completion.ts";
import { type CommandLine, helpText, parseCommandLine, UsageError } from "./options.ts";
import { writeAll } from "./streams.ts";
import { version } from "./version.ts";

/** Commands that are words of their own; everything else is a script. */
const COMMANDS: Readonly<Record<string, () => Promise<(line: CommandLine) => number | Promise<number>>>> = {
  record: async () => (await import("./record.ts")).record,
  doctor: async () => (await import("./doctor.ts")).doctor,
  demo: async () => (await import("./demo.ts")).demo,
};

/** Runs the command line; gives the exit status. */
export async function main(words: readonly string[]): Promise<number> {
  let format: "text" | "json" = "text";
  const print = (text: string): void => writeAll(1, new TextEncoder().encode(text));
  const complain = (text: string): void => writeAll(2, new TextEncoder().encode(text));
  let source: SourceText | undefined;
  try {
    if (words[0] === "completion") {
      const script = completion(words[1] ?? "");
      if (script === undefined) throw new UsageError(`completion takes ${shells.join(", ")}`);
      print(script);
      return 0;
    }
    const command = COMMANDS[words[0] ?? ""];
    const line = parseCommandLine(command === undefined ? words : words.slice(1));
    if (line.given.get("format") === "json") format = "json";
    if (line.given.has("help")) {
      print(helpText(version));
      return 0;
    }
    if (line.given.has("version")) {
      print(`scry ${version}\n`);
      return 0;
    }
    if (command !== undefined) return await (await command())(line);
    if (line.given.has("list")) return await listCommand(line, print);
    const program = line.given.get("execute");
    if (program !== undefined) source = { name: "stdin", text: program };
    if (line.given.has("test")) return (await import("./run-tests.ts")).runTests(line);
    if (line.given.get("machine") === "embedded" || line.given.has("events"))
      return (await import("./replay.ts")).replay(line);
    const { run } = await import("./run.ts");
    return await run(line);
  } catch (error) {
    if (error instanceof UsageError) {
      complain(`ERROR: ${error.message}\nHINT: scry --help shows how it is used\n`);
      return 1;
    }
    const { diagnosticsOf, renderDiagnostics } = await import("./messages.ts");
    complain(renderDiagnostics(diagnosticsOf(error), format, source));
    return 1;
  }
}

async function listCommand(line: CommandLine, print: (text: string) => void): Promise<number> {
  const { list, listScript } = await import("./list.ts");
  const { liveEnvironment } = await import("../session/index.ts");
  const pid = line.given.get("pid");
  const env = liveEnvironment(pid === undefined ? {} : { pid: Number(pid) });
  let text = "";
  const program = line.given.get("execute");
  const whole = (part: string): void => {
    text += part;
  };
  if (program !== undefined) listScript({ name: "stdin", text: program }, env, line.given.has("verbose"), whole);
  else
    list(line.rest[0] ?? "", env, line.given.has("verbose"), (part) => {
      text += part;
      if (text.length > 1 << 16) {
        print(text);
        text = "";
      }
    });
  print(text);
  return 0;
}
