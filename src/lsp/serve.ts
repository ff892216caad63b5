// The server: documents that are open, and the answer to each request, until the editor says goodbye.

import { fileURLToPath } from "node:url";
import type * as protocol from "vscode-languageserver/node.js";
import {
  complete,
  definition,
  EditedScript,
  hover,
  newText,
  references,
  renamable,
  rename,
  semanticTokens,
  signatureHelp,
  TOKEN_KINDS,
} from "../lang/trace/editor/index.ts";
import { formatScript } from "../lang/trace/index.ts";
import type { ProbeEnvironment } from "../probes/index.ts";
import { DiagnosticError } from "../source/index.ts";
import { toProtocol } from "./diagnostics.ts";
import { messageReader, messageWriter } from "./messages.ts";
import { asPermitted } from "./permitted.ts";
import { locationOf, offsetAt, positionOf, rangeOf } from "./positions.ts";

/** The library that speaks the protocol. */
export type Protocol = typeof protocol;

export interface ServeOptions {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly version: string;
  /** What scripts are checked against. Asked for again when files may have changed. */
  environment(): ProbeEnvironment;
}

/** So long after a change the text is looked at, if no other change comes first. */
const REST_MILLISECONDS = 15;

const KINDS = {
  builtin: 21,
  function: 3,
  keyword: 14,
  probe: 23,
  field: 5,
  variable: 6,
  map: 10,
  macro: 15,
  setting: 10,
  type: 22,
} as const satisfies Record<string, protocol.CompletionItemKind>;

const LEGEND: protocol.SemanticTokensLegend = {
  tokenTypes: [...TOKEN_KINDS],
  tokenModifiers: ["defaultLibrary"],
};

const CAPABILITIES: protocol.ServerCapabilities = {
  // Full: a script is small.
  textDocumentSync: { openClose: true, change: 1, save: true },
  completionProvider: { triggerCharacters: [":", ".", ">", "$", "@"] },
  hoverProvider: true,
  definitionProvider: true,
  referencesProvider: true,
  documentHighlightProvider: true,
  documentSymbolProvider: true,
  documentFormattingProvider: true,
  renameProvider: { prepareProvider: true },
  signatureHelpProvider: { triggerCharacters: ["(", ","] },
  semanticTokensProvider: { legend: LEGEND, full: true },
};

/**
 * Answers until the editor says goodbye, or is gone: gives the exit status, which the protocol wants to be 1 where the
 * editor has not asked for the end. Throws FormatError where what comes in is no message.
 */
export function serve(library: Protocol, options: ServeOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const { input, output } = options;
    let asked = false;
    const gone = (): void => resolve(asked ? 0 : 1);
    const reader = messageReader(library, input, reject);
    const writer = messageWriter(library, output, gone);
    const connection = library.createConnection(library.ProposedFeatures.all, reader, writer);
    connection.onShutdown(() => {
      asked = true;
    });
    reader.onClose(gone);
    new Server(library, connection, options).listen();
    reader.onError((error) => connection.console.error(`A message that is no JSON: ${error.message}`));
  });
}

interface Change {
  readonly version: number | undefined;
  /** Milliseconds until the text is looked at. */
  readonly rest: number;
  /** Files that it imports may have changed. */
  readonly fresh?: boolean;
}

class Server {
  readonly #library: Protocol;
  readonly #connection: protocol.Connection;
  readonly #options: ServeOptions;
  readonly #open = new Map<string, EditedScript>();
  /** As the editor counts them. */
  readonly #versions = new Map<string, number>();
  readonly #waiting = new Map<string, NodeJS.Timeout>();

  constructor(library: Protocol, connection: protocol.Connection, options: ServeOptions) {
    this.#library = library;
    this.#connection = connection;
    this.#options = options;
  }

  listen(): void {
    const c = this.#connection;
    c.onInitialize(() => ({
      capabilities: CAPABILITIES,
      serverInfo: { name: "scry", version: this.#options.version },
    }));
    c.onDidOpenTextDocument(({ textDocument: { uri, text, version } }) => this.#set(uri, text, { version, rest: 0 }));
    c.onDidChangeTextDocument(({ textDocument: { uri, version }, contentChanges }) => {
      const text = contentChanges.at(-1)?.text;
      if (text !== undefined) this.#set(uri, text, { version, rest: REST_MILLISECONDS });
    });
    // What others import has changed.
    c.onDidSaveTextDocument(() => {
      for (const [uri, script] of [...this.#open]) {
        const version = this.#versions.get(uri);
        this.#set(uri, script.source.text, { version, rest: 0, fresh: true });
      }
    });
    c.onDidCloseTextDocument(({ textDocument: { uri } }) => {
      clearTimeout(this.#waiting.get(uri));
      this.#waiting.delete(uri);
      this.#open.delete(uri);
      this.#versions.delete(uri);
      void c.sendDiagnostics({ uri, diagnostics: [] });
    });
    this.#answers(c);
    c.listen();
  }

  #set(uri: string, text: string, { version, rest, fresh = false }: Change): void {
    if (version !== undefined) this.#versions.set(uri, version);
    const before = this.#open.get(uri);
    const env = fresh || before === undefined ? asPermitted(this.#options.environment()) : before.env;
    this.#open.set(uri, new EditedScript({ name: nameOf(uri), text }, env, before));
    clearTimeout(this.#waiting.get(uri));
    this.#waiting.set(
      uri,
      setTimeout(() => this.#publish(uri), rest),
    );
  }

  #publish(uri: string): void {
    const script = this.#open.get(uri);
    if (script === undefined) return;
    const { source } = script;
    const version = this.#versions.get(uri);
    try {
      const diagnostics = script.diagnostics.map((d) => toProtocol(source, uri, d));
      void this.#connection.sendDiagnostics({ uri, diagnostics, ...(version === undefined ? {} : { version }) });
    } catch (error) {
      // A fault of ours: the editor's other questions are answered all the same.
      this.#connection.console.error(`${uri}: ${(error as Error).stack}`);
    }
  }

  /** The script that a request is about, and the offset of its position. */
  #at({ textDocument: { uri }, position }: protocol.TextDocumentPositionParams): [EditedScript, number, string] {
    const script = this.#script(uri);
    return [script, offsetAt(script.source, position), uri];
  }

  #script(uri: string): EditedScript {
    const script = this.#open.get(uri);
    if (script === undefined) throw this.#refusal(`${uri} is not open`);
    return script;
  }

  #refusal(message: string): Error {
    return new this.#library.ResponseError(this.#library.ErrorCodes.InvalidParams, message);
  }

  #answers(c: protocol.Connection): void {
    c.onCompletion((p) => {
      const [script, offset] = this.#at(p);
      const { items, from, cut } = complete(script, offset);
      const range = rangeOf(script.source, { start: from, end: offset });
      return {
        isIncomplete: cut,
        items: items.map((i) => ({
          label: i.text,
          kind: KINDS[i.kind],
          ...(i.detail === undefined ? {} : { detail: i.detail }),
          ...(i.doc === undefined ? {} : { documentation: i.doc }),
          filterText: i.text,
          textEdit: { range, newText: i.text },
        })),
      };
    });
    c.onHover((p) => {
      const [script, offset] = this.#at(p);
      const found = hover(script, offset);
      if (found === undefined) return null;
      const value = `\`\`\`bpftrace\n${found.code}\n\`\`\`${found.doc === undefined ? "" : `\n\n${found.doc}`}`;
      return { contents: { kind: "markdown", value }, range: rangeOf(script.source, found.span) };
    });
    c.onDefinition((p) => {
      const [script, offset, uri] = this.#at(p);
      return definition(script, offset).map((span) => locationOf(script.source, uri, span));
    });
    c.onReferences((p) => {
      const [script, offset, uri] = this.#at(p);
      return references(script, offset).map((span) => locationOf(script.source, uri, span));
    });
    c.onDocumentHighlight((p) => {
      const [script, offset] = this.#at(p);
      return references(script, offset).map((span) => ({ range: rangeOf(script.source, span) }));
    });
    c.onRenameRequest((p) => {
      const [script, offset, uri] = this.#at(p);
      const places = rename(script, offset, p.newName);
      if (typeof places === "string") throw this.#refusal(places);
      const text = newText(script, offset, p.newName);
      return { changes: { [uri]: places.map((s) => ({ range: rangeOf(script.source, s), newText: text })) } };
    });
    c.onPrepareRename((p) => {
      const [script, offset] = this.#at(p);
      const span = renamable(script, offset);
      return span === undefined ? null : rangeOf(script.source, span);
    });
    c.onSignatureHelp((p) => {
      const [script, offset] = this.#at(p);
      const help = signatureHelp(script, offset);
      if (help === undefined) return null;
      const { form, doc, parameters, active } = help;
      return {
        activeSignature: 0,
        activeParameter: active,
        signatures: [
          {
            label: form,
            ...(doc === undefined ? {} : { documentation: doc }),
            parameters: parameters.map(([start, end]) => ({ label: [start, end] as [number, number] })),
          },
        ],
      };
    });
    c.onDocumentSymbol(({ textDocument: { uri } }) => symbolsOf(this.#script(uri)));
    c.onDocumentFormatting(({ textDocument: { uri } }) => this.#format(this.#script(uri)));
    c.languages.semanticTokens.on(({ textDocument: { uri } }) => {
      const script = this.#script(uri);
      const builder = new this.#library.SemanticTokensBuilder();
      // A token of the protocol does not go beyond its line.
      for (const { start, end, kind, builtin } of semanticTokens(script))
        for (const [from, length] of lines(script.source.text, start, end)) {
          const { line, character } = positionOf(script.source, from);
          builder.push(line, character, length, LEGEND.tokenTypes.indexOf(kind), builtin ? 1 : 0);
        }
      return builder.build();
    });
  }

  /** No changes where the text is no script: what is wrong has been said. */
  #format(script: EditedScript): protocol.TextEdit[] {
    const { source } = script;
    try {
      const newText = formatScript(source);
      return newText === source.text
        ? []
        : [{ range: rangeOf(source, { start: 0, end: source.text.length }), newText }];
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      return [];
    }
  }
}

/** The path of a file; of what is none here (another machine's, a text without a file) the address. */
function nameOf(uri: string): string {
  try {
    return uri.startsWith("file:") ? fileURLToPath(uri) : uri;
  } catch {
    return uri;
  }
}

function* lines(text: string, start: number, end: number): Iterable<readonly [from: number, length: number]> {
  for (let from = start; from < end; ) {
    const newline = text.indexOf("\n", from);
    const to = newline < 0 || newline > end ? end : newline;
    if (to > from) yield [from, to - from];
    from = to + 1;
  }
}

const EVENT = 24 satisfies protocol.SymbolKind;
const FUNCTION = 12 satisfies protocol.SymbolKind;
const STRUCT = 23 satisfies protocol.SymbolKind;
const NAMESPACE = 3 satisfies protocol.SymbolKind;

/** The items of a script, for its outline. */
function symbolsOf({ source, scanned }: EditedScript): protocol.DocumentSymbol[] {
  return scanned.items.map((item) => {
    const [first, second] = item.tokens;
    const attach = item.tokens.filter((t) => t.kind === "attach");
    const name = item.kind === "probe" ? attach.map((t) => t.text).join(", ") : `${item.kind} ${second?.text ?? ""}`;
    const kind =
      item.kind === "probe"
        ? EVENT
        : item.kind === "macro" || item.kind === "fn"
          ? FUNCTION
          : item.kind === "struct"
            ? STRUCT
            : NAMESPACE;
    const range = rangeOf(source, item);
    return {
      name: name.trim() || item.kind,
      kind,
      range,
      selectionRange: first === undefined ? range : rangeOf(source, first),
    };
  });
}
