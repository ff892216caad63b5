// What programs print by `bpf_printk`: lines of the kernel's trace_pipe that have the form of one of the object's own texts.

import { closeSync, constants, openSync, readSync } from "node:fs";
import { Opcode } from "../isa/index.ts";
import { tracefs } from "../kernel/index.ts";
import type { BpfObject } from "../object/index.ts";

/** Helpers bpf_trace_printk and bpf_trace_vprintk. */
const PRINTK: ReadonlySet<number> = new Set([6, 177]);

export const printsText = (object: BpfObject): boolean =>
  object.programs.some(({ functions }) =>
    functions.some(({ code }) =>
      code.some((one) => one.op === Opcode.CALL && one.src === 0 && one.ref === undefined && PRINTK.has(one.imm)),
    ),
  );

export interface PrintkReader {
  /** Hands on what has come since the last time. */
  read(): void;
  close(): void;
}

/**
 * Opens trace_pipe, of which each line is read by one reader only. Texts that stand on a program's stack are not known:
 * then lines of all programs are taken. Undefined where it cannot be opened.
 */
export function openPrintk(object: BpfObject, line: (text: string) => void): PrintkReader | undefined {
  let fd: number;
  try {
    fd = openSync(`${tracefs()}/trace_pipe`, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  const forms = formsOf(object);
  const buffer = Buffer.alloc(65536);
  let rest = "";
  return {
    read() {
      for (;;) {
        let length: number;
        try {
          length = readSync(fd, buffer);
        } catch {
          // EAGAIN: nothing more at the moment.
          return;
        }
        if (length === 0) return;
        const lines = (rest + buffer.toString("utf8", 0, length)).split("\n");
        rest = lines.pop() ?? "";
        for (const text of lines) {
          const message = /^.*?: bpf_trace_printk: (.*)$/s.exec(text)?.[1];
          if (message !== undefined && (forms.length === 0 || forms.some((form) => form.test(message)))) line(message);
        }
      }
    },
    close: () => closeSync(fd),
  };
}

/** The texts of the object's constants, as expressions that what is printed with them matches. */
function formsOf(object: BpfObject): RegExp[] {
  const forms: RegExp[] = [];
  for (const { name, initial } of object.maps) {
    if (!name.startsWith(".rodata") || initial === undefined) continue;
    for (const text of Buffer.from(initial).toString("latin1").split("\0")) {
      if (text.length < 2 || /[^\x09\x0a\x20-\x7e]/.test(text)) continue;
      const escaped = text.replace(/\n+$/, "").replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
      forms.push(
        new RegExp(
          `^${escaped.replace(/%(?:%|[-+ #0-9.]*(?:ll|l|h|hh|z)?[a-zA-Z]\w*)/g, (spec) => (spec === "%%" ? "%" : ".*"))}$`,
          "s",
        ),
      );
    }
  }
  return forms;
}
