// What a script sends, on its way to a view: the same for every machine that runs it.

import { readFileSync } from "node:fs";
import type { RunListener } from "../run/index.ts";
import type { CompiledScript, EventSite, Resolver } from "../schema/index.ts";
import {
  compileText,
  jsonStrictView,
  jsonView,
  type RecordPrinter,
  textView,
  type View,
  type ViewOptions,
} from "../views/index.ts";
import { warn } from "./messages.ts";
import type { CommandLine } from "./options.ts";
import type { Streams } from "./streams.ts";

const VIEWS: Readonly<Record<string, (options: ViewOptions) => View>> = {
  text: textView,
  json: jsonView,
  "json-strict": jsonStrictView,
};

export interface ScriptOutput {
  readonly listener: RunListener;
  /** Makes the view, once there is somebody who knows names; nothing may be sent before. */
  open(run: { readonly script: CompiledScript; readonly resolver: Resolver }, now?: ViewOptions["now"]): View;
}

/** Output as the command line wants it: its format, when it is written, and what is left unsaid. */
export function scriptOutput({ given }: CommandLine, streams: Streams): ScriptOutput {
  const every = given.get("buffering") ?? "line";
  const quiet = given.has("quiet");
  const warnings = !given.has("no-warnings");
  const printers: (RecordPrinter | undefined)[] = [];
  let view!: View;
  let script!: CompiledScript;
  let resolver!: Resolver;
  return {
    listener: {
      record: (site, data, bytes, offset) => {
        let print = printers[site.id];
        if (print === undefined)
          printers[site.id] = print =
            warnings || !isWarning(site) ? printerOf(site, view, resolver, script) : () => undefined;
        print(data, bytes, offset);
        if (every === "none") view.flush();
      },
      printMap: (contents, top, div, how) => view.map(contents, top, div, how),
      cleared: (name) => view.cleared(name),
      lost: (count) => {
        if (!quiet) view.lostEvents(count);
      },
      pause: () => {
        if (every !== "full") view.flush();
      },
      warning: (message) => {
        if (quiet || !warnings) return;
        // Some is said before there is a view.
        const open: View | undefined = view;
        if (open?.said === undefined) warn(streams.messages, message);
        else open.said("warning", message);
      },
    },
    open: (run, now) => {
      ({ script, resolver } = run);
      const format = given.get("format") ?? "text";
      // Names with their numbers, texts with the bytes that are no text.
      if (format === "json-strict") resolver.raw = true;
      view = (VIEWS[format] ?? textView)({
        out: streams.out,
        messages: streams.messages,
        resolver,
        source: script.source,
        ...(now === undefined ? {} : { now }),
      });
      return view;
    },
  };
}

/** What `--no-warnings` leaves out of what the script sends. */
const isWarning = ({ action }: EventSite): boolean =>
  action.kind === "helper-error" ||
  (action.kind === "printf" && (action.stream === "warn" || action.stream === "fault"));

function printerOf(site: EventSite, view: View, resolver: Resolver, script: CompiledScript): RecordPrinter {
  const action = site.action;
  if (action.kind !== "cat" && action.kind !== "system") return view.printer(site);
  const write = compileText(action.format, site.fields, resolver);
  return (data, bytes, base) => {
    const text = write(data, bytes, base);
    if (action.kind === "system") {
      const done = process
        .getBuiltinModule("node:child_process")
        .spawnSync("/bin/sh", ["-c", text], { stdio: ["inherit", "pipe", "inherit"], maxBuffer: 1 << 28 });
      view.system(done.stdout);
      return;
    }
    try {
      view.cat(readFileSync(text).subarray(0, script.options.maxCatBytes));
    } catch (error) {
      const why =
        (error as NodeJS.ErrnoException).code === "ENOENT" ? "No such file or directory" : (error as Error).message;
      const message = `failed to open file '${text}' (${why})`;
      if (view.said === undefined) process.stderr.write(`ERROR: ${message}\n`);
      else view.said("error", message);
    }
  };
}
