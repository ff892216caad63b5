// `scry lsp` as an editor meets it: a process that is spoken to over its input and output, about the live kernel.

import {
  type ChildProcessWithoutNullStreams,
  type SpawnOptionsWithoutStdio,
  spawn,
  spawnSync,
} from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import protocol, {
  type CompletionItem,
  type CompletionList,
  type Diagnostic,
  type DocumentSymbol,
  type Hover,
  type Location,
  type Position,
  type ProtocolConnection,
  type PublishDiagnosticsParams,
  type SemanticTokens,
  type SignatureHelp,
  type TextEdit,
  type WorkspaceEdit,
} from "vscode-languageserver-protocol/node.js";
import { repository, scratchFolder, scryCommand } from "../support/commands.ts";
import { eventually } from "../support/scripts.ts";

interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** The server's process. */
class ServerProcess {
  readonly process: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  stderr = "";

  constructor(options: readonly string[] = [], settings: SpawnOptionsWithoutStdio = {}) {
    const words = [scryCommand(), "lsp", "--stdio", ...options];
    this.process = spawn(process.execPath, words, { cwd: scratchFolder(), ...settings });
    this.process.stdin.on("error", () => {});
    this.process.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    const timer = setTimeout(() => this.process.kill("SIGKILL"), 50_000);
    this.ended = new Promise((resolve) =>
      this.process.on("exit", (status, signal) => {
        clearTimeout(timer);
        resolve({ status, signal, stderr: this.stderr });
      }),
    );
  }

  /** Writes bytes as they are. */
  send(bytes: string | Buffer): void {
    this.process.stdin.write(bytes);
  }
}

/** One message as it goes over the wire. */
function framed(message: object): string {
  const text = JSON.stringify(message);
  return `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
}

const INITIALIZE = { processId: process.pid, rootUri: null, capabilities: {} };

/** An editor: what it has asked, what it was told. */
class Editor {
  readonly server: ServerProcess;
  readonly connection: ProtocolConnection;
  readonly diagnostics = new Map<string, readonly Diagnostic[]>();
  /** Of the texts that diagnostics were last said of. */
  readonly versions = new Map<string, number | undefined>();
  readonly logged: string[] = [];
  #version = 0;

  constructor(options: readonly string[] = [], settings: SpawnOptionsWithoutStdio = {}) {
    this.server = new ServerProcess(options, settings);
    const { stdout, stdin } = this.server.process;
    const reader = new protocol.StreamMessageReader(stdout);
    this.connection = protocol.createProtocolConnection(reader, new protocol.StreamMessageWriter(stdin));
    this.connection.onError(() => {});
    this.connection.onNotification("textDocument/publishDiagnostics", (p: PublishDiagnosticsParams) => {
      this.diagnostics.set(p.uri, p.diagnostics);
      this.versions.set(p.uri, p.version);
    });
    this.connection.onNotification("window/logMessage", (p: { message: string }) => void this.logged.push(p.message));
    this.connection.listen();
  }

  ask<T>(method: string, params: object): Promise<T> {
    return this.connection.sendRequest(method, params);
  }

  tell(method: string, params: object): Promise<void> {
    return this.connection.sendNotification(method, params);
  }

  async begin(): Promise<{ readonly capabilities: Readonly<Record<string, unknown>> }> {
    const answer = await this.ask<{ capabilities: Record<string, unknown> }>("initialize", INITIALIZE);
    await this.tell("initialized", {});
    return answer;
  }

  async end(): Promise<Ended> {
    await this.ask("shutdown", {});
    await this.tell("exit", {});
    return this.server.ended;
  }

  /** Opens a script in which `|` is the cursor. */
  async open(marked: string, name = `script-${++this.#version}.bt`): Promise<Place> {
    const at = marked.lastIndexOf("|");
    const text = at < 0 ? marked : marked.slice(0, at) + marked.slice(at + 1);
    const uri = pathToFileURL(join(scratchFolder(), name)).href;
    await this.tell("textDocument/didOpen", {
      textDocument: { uri, languageId: "bpftrace", version: ++this.#version, text },
    });
    return { textDocument: { uri }, position: positionIn(text, Math.max(at, 0)), text };
  }

  /** Gives the version of the new text. */
  async type(uri: string, text: string): Promise<number> {
    const version = ++this.#version;
    await this.tell("textDocument/didChange", { textDocument: { uri, version }, contentChanges: [{ text }] });
    return version;
  }

  /** Waits until what is said of a document holds. */
  async told(uri: string, holds: (diagnostics: readonly Diagnostic[]) => boolean): Promise<readonly Diagnostic[]> {
    const so = await eventually(() => this.diagnostics.has(uri) && holds(this.diagnostics.get(uri) ?? []), 10_000);
    if (!so) throw new Error(`what is said of ${uri}: ${JSON.stringify(this.diagnostics.get(uri))}`);
    return this.diagnostics.get(uri) ?? [];
  }
}

interface Place {
  readonly textDocument: { readonly uri: string };
  readonly position: Position;
  readonly text: string;
}

function positionIn(text: string, offset: number): Position {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length - 1, character: (before.at(-1) as string).length };
}

function offsetIn(text: string, { line, character }: Position): number {
  return text.split("\n").slice(0, line).join("\n").length + (line > 0 ? 1 : 0) + character;
}

/** The text after edits. */
function edited(text: string, edits: readonly TextEdit[]): string {
  return [...edits]
    .sort((a, b) => offsetIn(text, b.range.start) - offsetIn(text, a.range.start))
    .reduce((t, e) => t.slice(0, offsetIn(t, e.range.start)) + e.newText + t.slice(offsetIn(t, e.range.end)), text);
}

/** Ended as it should: nothing of its inside is shown. */
function endedClearly(ended: Ended, status: number): void {
  expect(ended.stderr).not.toMatch(/^\s+at .*:\d+/m);
  expect([ended.status, ended.signal]).toEqual([status, null]);
}

describe("an editor", () => {
  let editor: Editor;
  let capabilities: Readonly<Record<string, unknown>>;
  beforeAll(async () => {
    editor = new Editor();
    ({ capabilities } = await editor.begin());
  });
  afterAll(async () => {
    const ended = await editor.end();
    endedClearly(ended, 0);
    expect(ended.stderr).toBe("");
  });

  /** The labels that an editor would show: those that begin as what its edit takes the place of. */
  async function labels(marked: string): Promise<readonly string[]> {
    const place = await editor.open(marked);
    const { items } = await editor.ask<CompletionList>("textDocument/completion", place);
    return items
      .filter((i) => {
        const range = (i.textEdit as TextEdit).range;
        expect(range.end).toEqual(place.position);
        return i.label.startsWith(place.text.slice(offsetIn(place.text, range.start), offsetIn(place.text, range.end)));
      })
      .map((i: CompletionItem) => i.label);
  }

  it("is told what there is", () => {
    expect(Object.keys(capabilities).sort()).toEqual([
      "completionProvider",
      "definitionProvider",
      "documentFormattingProvider",
      "documentHighlightProvider",
      "documentSymbolProvider",
      "hoverProvider",
      "referencesProvider",
      "renameProvider",
      "semanticTokensProvider",
      "signatureHelpProvider",
      "textDocumentSync",
    ]);
  });

  const completions: readonly (readonly [marked: string, ...labels: string[]])[] = [
    ["tracepoint:sy|", "tracepoint:syscalls"],
    [
      "tracepoint:syscalls:sys_enter_open|",
      "tracepoint:syscalls:sys_enter_openat",
      "tracepoint:syscalls:sys_enter_openat2",
    ],
    ["tracepoint:sched:sched_sw| { }", "tracepoint:sched:sched_switch"],
    ["kprobe:vfs_|", "kprobe:vfs_read", "kprobe:vfs_write"],
    ["fentry:vfs_rea| { }", "fentry:vfs_read"],
    ["rawtracepoint:sched_s|", "rawtracepoint:sched_switch"],
    ["uprobe:libc:mallo| { }", "uprobe:libc:malloc"],
    ["tracepoint:syscalls:sys_enter_openat { args.|", "dfd", "filename", "flags", "mode"],
    ["tracepoint:syscalls:sys_enter_openat { str(args->fil|) }", "filename"],
    ["tracepoint:syscalls:sys_enter_openat /args.| > 2/ { }", "flags"],
    ["fentry:vfs_read { args.file->f_|", "f_flags", "f_inode"],
    ["begin { curtask->| }", "pid", "comm", "mm", "real_parent"],
    ["begin { curtask.mm->| }", "mmap_base", "start_stack"],
    ["begin { if (curtask->real_parent.co|", "comm"],
    ["begin { $x = (struct task_st|", "task_struct"],
    ["begin { @opens = 1; } end { print(@|", "@opens"],
    ["begin { $one = 1; $|", "$one"],
    ["begin { prin|", "print", "printf"],
    ["config = { | }", "max_strlen", "missing_probes"],
  ];
  it.each(completions)("completes %s", async (marked, ...wanted) => {
    expect(await labels(marked)).toEqual(expect.arrayContaining(wanted));
  });
  it.each(["// tr|", "begin { /* pi| */ }", 'begin { print("pi|'])("completes nothing in %s", async (marked) => {
    expect(await labels(marked)).toEqual([]);
  });

  it("sees what things are", async () => {
    const said = async (marked: string): Promise<string | undefined> => {
      const found = await editor.ask<Hover | null>("textDocument/hover", await editor.open(marked));
      return (found?.contents as { value: string } | undefined)?.value;
    };
    expect(await said("tracepoint:syscalls:sys_enter_op|enat { }")).toContain("const char * filename");
    expect(await said("begin { print(cur|task); }")).toMatch(/curtask: struct task_struct \*/);
    expect(await said("begin { print(curtask->m|m); }")).toContain("mm: struct mm_struct *");
    expect(await said("fentry:vfs_read { print(args.fi|le); }")).toContain("struct file * file");
    expect(await said("begin { @a[comm] = 1; } end { print(@|a); }")).toContain("@a: int64 by string[16]");
    expect(await said("config = { max_str|len = 5 } begin { }")).toContain("1 to 16384");
    expect(await said("begin { print(sizeof(struct mm_str|uct)); }")).toContain("struct mm_struct {");
    expect(await said("begin { // cur|task\n }")).toBeUndefined();
  });

  it("goes to where a macro and a variable come from, and finds and renames all of them", async () => {
    const text = "macro twice($v) { $v * 2 }\nbegin { $x = 1; print(twi|ce($x)); print(twice(3)); }\nend { $x = 2; }\n";
    const place = await editor.open(text);
    const { textDocument } = place;
    const [found] = await editor.ask<Location[]>("textDocument/definition", place);
    expect(found).toEqual({
      uri: textDocument.uri,
      range: { start: { line: 0, character: 6 }, end: { line: 0, character: 11 } },
    });
    const references = { ...place, context: { includeDeclaration: true } };
    expect(await editor.ask<Location[]>("textDocument/references", references)).toHaveLength(3);
    expect(await editor.ask<object[]>("textDocument/documentHighlight", place)).toHaveLength(3);
    const renamed = await editor.ask<WorkspaceEdit>("textDocument/rename", { ...place, newName: "doubled" });
    expect(edited(place.text, renamed.changes?.[textDocument.uri] ?? [])).toBe(
      place.text.replaceAll("twice", "doubled"),
    );

    const variable = { textDocument, position: positionIn(place.text, place.text.indexOf("$x))")) };
    const [first] = await editor.ask<Location[]>("textDocument/definition", variable);
    expect(first?.range.start).toEqual({ line: 1, character: 8 });
    expect(await editor.ask("textDocument/prepareRename", variable)).toEqual({
      start: { line: 1, character: 28 },
      end: { line: 1, character: 30 },
    });
    const other = await editor.ask<WorkspaceEdit>("textDocument/rename", { ...variable, newName: "y" });
    expect(edited(place.text, other.changes?.[textDocument.uri] ?? []).split("\n")).toEqual([
      "macro twice($v) { $v * 2 }",
      "begin { $y = 1; print(twice($y)); print(twice(3)); }",
      "end { $x = 2; }",
      "",
    ]);
    await expect(editor.ask("textDocument/rename", { ...variable, newName: "a b" })).rejects.toThrow(
      "'a b' is no name",
    );
    const builtin = { textDocument, position: positionIn(place.text, place.text.indexOf("print")) };
    expect(await editor.ask("textDocument/prepareRename", builtin)).toBeNull();
  });

  it("is helped with calls, formats, colours and the outline", async () => {
    const help = await editor.ask<SignatureHelp>("textDocument/signatureHelp", await editor.open("begin { str(1, |"));
    expect([help.signatures[0]?.label, help.activeParameter]).toEqual(["str(address[, length])", 1]);

    const place = await editor.open(
      "// All.\nbegin{print(1)}\ntracepoint:sched:sched_switch,end   {@a=1}\nmacro  m(){1}\n",
    );
    const options = { tabSize: 2, insertSpaces: true };
    const edits = await editor.ask<TextEdit[]>("textDocument/formatting", { ...place, options });
    const formatted = edited(place.text, edits);
    expect(formatted).toContain("begin\n{\n  print(1)\n}\n");
    const again = await editor.open(formatted);
    expect(await editor.ask("textDocument/formatting", { ...again, options })).toEqual([]);

    const symbols = await editor.ask<DocumentSymbol[]>("textDocument/documentSymbol", place);
    expect(symbols.map((s) => s.name)).toEqual(["begin", "tracepoint:sched:sched_switch, end", "macro m"]);
    for (const s of symbols) {
      const [from, to] = [offsetIn(place.text, s.range.start), offsetIn(place.text, s.range.end)];
      expect(
        from <= offsetIn(place.text, s.selectionRange.start) && to >= offsetIn(place.text, s.selectionRange.end),
      ).toBe(true);
    }

    const { data } = await editor.ask<SemanticTokens>("textDocument/semanticTokens/full", place);
    expect(data.slice(0, 10)).toEqual([0, 0, 7, 0, 0, 1, 0, 5, 10, 0]);
    expect(data.length % 5).toBe(0);
  });

  it("does not format what is no script", async () => {
    const place = await editor.open("begin { print(1");
    expect(
      await editor.ask("textDocument/formatting", { ...place, options: { tabSize: 2, insertSpaces: true } }),
    ).toEqual([]);
  });

  it("is told of probes that run on request only", async () => {
    const { textDocument } = await editor.open('test:one { assert(nothing == 1, "one"); }');
    const [unknown] = await editor.told(textDocument.uri, (d) => d.length > 0);
    expect(unknown?.message).toContain("nothing");
    const right = await editor.open('test:one { assert(1 == 1, "one"); }');
    expect(await editor.told(right.textDocument.uri, () => true)).toEqual([]);
  });

  it("is told what is wrong as it is typed, and no more once it is mended", async () => {
    const { textDocument } = await editor.open("begin { print(1); }");
    expect(await editor.told(textDocument.uri, () => true)).toEqual([]);
    await editor.type(textDocument.uri, "begin {\n  print(nothing);\n}");
    const [unknown] = await editor.told(textDocument.uri, (d) => d.length > 0);
    expect(unknown).toMatchObject({
      severity: 1,
      source: "scry",
      code: "SCRY1223",
      range: { start: { line: 1, character: 8 } },
    });
    await editor.type(textDocument.uri, "begin { print(");
    expect(await editor.told(textDocument.uri, (d) => d[0]?.code !== "SCRY1223" && d.length > 0)).toHaveLength(1);
    await editor.type(textDocument.uri, "begin { print(2); }");
    expect(await editor.told(textDocument.uri, (d) => d.length === 0)).toEqual([]);
    await editor.type(textDocument.uri, "tracepoint:sched:sched_swich { }");
    const [probe] = await editor.told(textDocument.uri, (d) => d.length > 0);
    expect(probe?.message).toContain("sched_switch");
    await editor.tell("textDocument/didClose", { textDocument });
    await editor.told(textDocument.uri, (d) => d.length === 0);
  });

  it("sees through imports, and sees them anew when they are saved", async () => {
    const folder = join(scratchFolder(), "imports");
    mkdirSync(folder, { recursive: true });
    const library = join(folder, "tools.bt");
    writeFileSync(library, "macro shared($x) { $x + 1 }\n");
    const place = await editor.open('import "tools.bt";\nbegin { $a = 1; print(sha|red($a)); }', "imports/main.bt");
    await editor.told(place.textDocument.uri, (d) => d.length === 0);
    const [found] = await editor.ask<Location[]>("textDocument/definition", place);
    expect(found).toEqual({
      uri: pathToFileURL(library).href,
      range: { start: { line: 0, character: 6 }, end: { line: 0, character: 12 } },
    });
    const { items } = await editor.ask<CompletionList>("textDocument/completion", place);
    expect(items.map((i) => i.label)).toContain("shared");
    writeFileSync(library, "macro other($x) { $x + 1 }\n");
    await editor.tell("textDocument/didSave", { textDocument: place.textDocument });
    const [gone] = await editor.told(place.textDocument.uri, (d) => d.length > 0);
    expect(gone?.message).toContain("shared");
    const missing = await editor.open('import "none.bt";\nbegin { }', "imports/missing.bt");
    expect((await editor.told(missing.textDocument.uri, (d) => d.length > 0))[0]?.code).toBe("SCRY1048");
    const alone = await editor.open("macro alone($x) { $x + 1 }\n", "imports/alone.bt");
    expect(await editor.told(alone.textDocument.uri, () => true)).toEqual([]);
  });

  it("is refused what cannot be answered, and goes on", async () => {
    const { textDocument, text } = await editor.open("begin { print(1); }");
    const elsewhere = { textDocument: { uri: "file:///nowhere.bt" }, position: { line: 0, character: 0 } };
    await expect(editor.ask("textDocument/hover", elsewhere)).rejects.toThrow("file:///nowhere.bt is not open");
    await expect(editor.ask("textDocument/nothing", elsewhere)).rejects.toThrow("Unhandled method");
    await expect(editor.ask("textDocument/hover", { wrong: true })).rejects.toThrow();
    await expect(editor.ask("textDocument/hover", { textDocument })).rejects.toThrow();
    await editor.tell("textDocument/unknown", {});
    await editor.tell("textDocument/didChange", { wrong: true });
    for (const position of [
      { line: 99, character: 0 },
      { line: 0, character: 999 },
      { line: -1, character: -1 },
      { line: 1e12, character: 1e12 },
    ]) {
      const place = { textDocument, position };
      for (const method of ["hover", "completion", "definition", "signatureHelp", "documentHighlight"])
        await editor.ask(`textDocument/${method}`, place);
    }
    for (const uri of [
      "untitled:Untitled-1",
      "nonsense",
      "file://elsewhere/x.bt",
      "file:///%zz",
      "file:///a%2fb",
      "",
    ]) {
      await editor.tell("textDocument/didOpen", { textDocument: { uri, languageId: "bpftrace", version: 1, text } });
      const place = { textDocument: { uri }, position: { line: 0, character: 10 } };
      expect(await editor.ask<Hover | null>("textDocument/hover", place)).not.toBeNull();
    }
    expect(editor.server.stderr).toBe("");
  });

  it("is answered within the time of a keystroke in a script of 300 lines", async () => {
    const lines = ["macro twice(v) { v * 2 }", "config = { max_strlen = 100 }"];
    for (let i = 0; lines.length < 296; i++)
      lines.push(
        `tracepoint:syscalls:sys_enter_${["openat", "read", "write", "close"][i % 4]} /pid != ${i}/ {`,
        `  @start${i % 9}[tid] = nsecs;`,
        `  if (curtask->real_parent->pid > ${i}) { @parents[curtask->real_parent->comm, ${i}] = count(); }`,
        `  $x = twice(args.${["dfd", "fd", "fd", "fd"][i % 4]}); @sum${i % 7} = sum($x);`,
        "}",
      );
    lines.push("tracepoint:syscalls:sys_enter_openat {", "  $t = curtask->", "}", "");
    const text = lines.join("\n");
    const place = await editor.open(text);
    const { textDocument } = place;
    await editor.told(textDocument.uri, (d) => d.length > 0);
    const at = { textDocument, position: { line: lines.length - 3, character: "  $t = curtask->".length } };
    const name = { textDocument, position: { line: 4, character: 20 } };
    const milliseconds = async (run: () => Promise<unknown>): Promise<number> => {
      const began = performance.now();
      await run();
      return performance.now() - began;
    };
    const measured: Record<string, readonly [fastest: number, middle: number]> = {};
    const measure = async (what: string, run: (turn: number) => Promise<unknown>): Promise<void> => {
      const turns: number[] = [];
      // Each on a text that is new, as after a keystroke.
      for (let turn = 0; turn < 7; turn++) {
        if (what !== "diagnostics") await editor.type(textDocument.uri, `${text}// ${what} ${turn}`);
        turns.push(await milliseconds(() => run(turn)));
      }
      turns.sort((a, b) => a - b);
      measured[what] = [turns[0] as number, turns[turns.length >> 1] as number];
    };
    await measure("completion of fields", async () => {
      const { items } = await editor.ask<CompletionList>("textDocument/completion", at);
      expect(items.map((i) => i.label)).toContain("real_parent");
    });
    await measure("hover", async () => {
      expect(await editor.ask("textDocument/hover", name)).not.toBeNull();
    });
    // The time that the server waits for the next keystroke is in it.
    await measure("diagnostics", async (turn) => {
      const version = await editor.type(textDocument.uri, `${text.replace("curtask->\n", "curtask;\n")}// ${turn}`);
      while (editor.versions.get(textDocument.uri) !== version) await new Promise((resolve) => setImmediate(resolve));
    });
    expect(editor.diagnostics.get(textDocument.uri)).toEqual([]);
    const said = Object.entries(measured).map(([what, [f, m]]) => `${what}: ${m.toFixed(1)} (${f.toFixed(1)})`);
    console.log(`milliseconds in the middle (at best) of 7 turns: ${said.join(", ")}`);
    // What else the machine does is in the others.
    for (const [what, [fastest]] of Object.entries(measured)) expect([what, fastest < 250]).toEqual([what, true]);
  });
});

describe("what comes in", () => {
  const HEALTHY = framed({ jsonrpc: "2.0", id: 7, method: "initialize", params: INITIALIZE });

  const fatal: readonly (readonly [name: string, bytes: string | Buffer, said: RegExp])[] = [
    [
      "text that is no message",
      "hello world\r\n\r\n",
      /ERROR: the editor's messages: .*a line of a header without a name: "hello world"/,
    ],
    ["bytes", Buffer.from([0, 255, 254, 13, 10, 13, 10]), /without a name/],
    ["a header that does not end", "x".repeat(5000), /a header that does not end/],
    ["no Content-Length", "Content-Type: x\r\n\r\n{}", /a header without Content-Length/],
    ["a Content-Length that is none", "Content-Length: abc\r\n\r\n{}", /the Content-Length "abc"/],
    ["a negative Content-Length", "Content-Length: -5\r\n\r\n{}", /the Content-Length "-5"/],
    ["a Content-Length beyond all", "Content-Length: 99999999999\r\n\r\n{}", /a message of 99999999999 bytes/],
    [
      "a Content-Length that is too small",
      `${HEALTHY.replace(/\d+/, "20")}${HEALTHY}`,
      /a line of a header without a name/,
    ],
    ["an encoding", "Content-Length: 2\r\nContent-Type: x; charset=utf-16\r\n\r\n{}", /the encoding utf-16/],
  ];
  it.each(fatal)("%s ends the server, which says where", async (_name, bytes, said) => {
    const server = new ServerProcess();
    server.send(bytes);
    const ended = await server.ended;
    endedClearly(ended, 1);
    expect(ended.stderr).toMatch(said);
    expect(ended.stderr).toMatch(/at offset 0x[0-9a-f]+/);
  });

  const passed: readonly (readonly [name: string, bytes: string])[] = [
    ["bad JSON", "Content-Length: 3\r\n\r\n{a}"],
    ["JSON that is cut", 'Content-Length: 5\r\n\r\n{"jso'],
    ["an empty message", "Content-Length: 0\r\n\r\n"],
    ["null", "Content-Length: 4\r\n\r\nnull"],
    ["a list", "Content-Length: 2\r\n\r\n[]"],
    ["a number", "Content-Length: 1\r\n\r\n1"],
    ["a method that is no name", framed({ jsonrpc: "2.0", id: 1, method: 5 })],
    ["an answer to nothing", framed({ jsonrpc: "2.0", id: 99, result: {} })],
    ["a request before the first", framed({ jsonrpc: "2.0", id: 1, method: "textDocument/hover", params: {} })],
  ];
  it.each(passed)("%s is passed over", async (_name, bytes) => {
    const server = new ServerProcess();
    let out = "";
    server.process.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    server.send(bytes);
    // In pieces, as a pipe may give it.
    for (const piece of HEALTHY.match(/[\s\S]{1,40}/g) ?? []) server.send(piece);
    expect(await eventually(() => /"id":7,"result"/.test(out), 10_000)).toBe(true);
    server.process.stdin.end();
    endedClearly(await server.ended, 1);
    expect(server.stderr).toBe("");
  });

  const whole = [
    HEALTHY,
    framed({ jsonrpc: "2.0", method: "initialized", params: {} }),
    framed({
      jsonrpc: "2.0",
      method: "textDocument/didOpen",
      params: {
        textDocument: { uri: "file:///a.bt", languageId: "bpftrace", version: 1, text: "begin { print(1); }" },
      },
    }),
    framed({
      jsonrpc: "2.0",
      id: 8,
      method: "textDocument/completion",
      params: { textDocument: { uri: "file:///a.bt" }, position: { line: 0, character: 9 } },
    }),
  ].join("");
  const WITHIN = /^ERROR: the editor's messages: damaged, at offset 0x[0-9a-f]+: the input ends within a message\n$/;
  it.each([0, 10, 25, 60, HEALTHY.length, HEALTHY.length + 30, whole.length - 20, whole.length])(
    "may end after %i bytes",
    async (bytes) => {
      const server = new ServerProcess();
      server.send(whole.slice(0, bytes));
      server.process.stdin.end();
      const ended = await server.ended;
      endedClearly(ended, 1);
      const atEnd = [0, HEALTHY.length, whole.length].includes(bytes);
      expect(ended.stderr).toMatch(atEnd ? /^$/ : WITHIN);
    },
  );
  it("may end with everything gone at once", async () => {
    const server = new ServerProcess();
    server.send(whole);
    server.process.stdout.destroy();
    server.process.stdin.destroy();
    endedClearly(await server.ended, 1);
    expect(server.stderr).toBe("");
  });
  it("ends with status 1 where the end was not asked for, and 0 where it was", async () => {
    const rude = new Editor();
    await rude.begin();
    await rude.tell("exit", {});
    endedClearly(await rude.server.ended, 1);
    const polite = new Editor();
    await polite.begin();
    await polite.ask("shutdown", {});
    polite.server.process.stdin.end();
    endedClearly(await polite.server.ended, 0);
  });

  it("can be a document of a megabyte", async () => {
    const editor = new Editor();
    await editor.begin();
    const probe = "begin { $x = 1; @a[$x, comm] = 2; print(@a); } // é\n";
    const text = probe.repeat(Math.ceil((1 << 20) / probe.length));
    const place = await editor.open(text);
    const { textDocument } = place;
    const at = { textDocument, position: { line: 20, character: 9 } };
    const began = performance.now();
    const print = { textDocument, position: { line: 20, character: 38 } };
    expect(await editor.ask<Hover | null>("textDocument/hover", print)).not.toBeNull();
    expect((await editor.ask<CompletionList>("textDocument/completion", print)).items.map((i) => i.label)).toContain(
      "@a",
    );
    expect(await editor.ask<Location[]>("textDocument/definition", at)).toHaveLength(1);
    const map = { textDocument, position: { line: 20, character: 17 } };
    const changes = await editor.ask<WorkspaceEdit>("textDocument/rename", { ...map, newName: "b" });
    expect(changes.changes?.[textDocument.uri]).toHaveLength(2 * Math.ceil((1 << 20) / probe.length));
    const { data } = await editor.ask<SemanticTokens>("textDocument/semanticTokens/full", { textDocument });
    expect(data.length).toBeGreaterThan(1_000_000);
    await editor.told(textDocument.uri, () => true);
    console.log(`a document of a megabyte: ${((performance.now() - began) / 1000).toFixed(1)} s for all answers`);
    endedClearly(await editor.end(), 0);
  });

  it("may be more than a client reads", async () => {
    const server = new ServerProcess();
    server.process.stdout.pause();
    server.send(whole);
    for (let id = 100; id < 600; id++)
      server.send(
        framed({
          jsonrpc: "2.0",
          id,
          method: "textDocument/completion",
          params: { textDocument: { uri: "file:///a.bt" }, position: { line: 0, character: 8 } },
        }),
      );
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(server.process.exitCode).toBeNull();
    // Nobody reads: nothing is gathered either.
    const status = readFileSync(`/proc/${server.process.pid}/status`, "utf8");
    expect(Number(/VmRSS:\s*(\d+)/.exec(status)?.[1])).toBeLessThan(400_000);
    server.process.stdin.destroy();
    server.process.stdout.destroy();
    endedClearly(await server.ended, 1);
    expect(server.stderr).toBe("");
  });
});

/** Who is not root: `nobody`. Where the repository is not for others to read, nobody can run it. */
const NOBODY = { uid: 65534, gid: 65534 };
const nobodyReads = spawnSync("test", ["-r", scryCommand()], NOBODY).status === 0;
if (!nobodyReads) console.warn("*** scry lsp IS NOT TRIED WITHOUT ROOT: others may not read this repository ***");

describe.skipIf(!nobodyReads)("a user who is not root", () => {
  it("is told what may not be looked at, as no fault of the script, and all else", async () => {
    const editor = new Editor([], { ...NOBODY, cwd: "/" });
    await editor.begin();
    const text = "tracepoint:sched:sched_switch { }\nfentry:vfs_read { }\nbegin { print(curtask->|); }";
    const place = await editor.open(text);
    const { items } = await editor.ask<CompletionList>("textDocument/completion", place);
    expect(items.map((i) => i.label)).toContain("real_parent");
    await editor.type(place.textDocument.uri, "tracepoint:sched:sched_switch { }\nbegin { }");
    const [denied, ...others] = await editor.told(place.textDocument.uri, (d) => d[0]?.code === "SCRY2002");
    expect(denied).toMatchObject({ severity: 2, range: { start: { line: 0, character: 0 } } });
    expect(denied?.message).toMatch(/tracefs.*not permitted/);
    expect(others).toEqual([]);
    const functions = await editor.open("fentry:vfs_rea|");
    const names = await editor.ask<CompletionList>("textDocument/completion", functions);
    expect(names.items.map((i) => i.label)).toContain("fentry:vfs_read");
    expect(editor.logged).toEqual([]);
    endedClearly(await editor.end(), 0);
  });
});

describe("the command", () => {
  it("takes the folders of headers and imports", async () => {
    const folder = join(scratchFolder(), "elsewhere");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "shape.h"), "struct shape { int corners; };\n");
    const editor = new Editor(["-I", folder]);
    await editor.begin();
    const place = await editor.open('#include "shape.h"\nbegin { print(((struct shape *)0)->|); }');
    const { items } = await editor.ask<CompletionList>("textDocument/completion", place);
    expect(items.map((i) => i.label)).toEqual(["corners"]);
    endedClearly(await editor.end(), 0);
  });
  it("has a page of help that says so", async () => {
    const help = spawn(process.execPath, [scryCommand(), "lsp", "--help"], { cwd: repository });
    let out = "";
    for await (const text of help.stdout.setEncoding("utf8")) out += text;
    expect(out).toContain("language server");
  });
});
