// TypeScript's text as a tree, by acorn. Types are read, not checked: that is tsc's part, in the editor.

import { tsPlugin } from "@sveltejs/acorn-typescript";
import type {
  ArrowFunctionExpression,
  Expression,
  FunctionDeclaration,
  FunctionExpression,
  ModuleDeclaration,
  Node,
  Pattern,
  Program,
  Statement,
} from "acorn";
import { Parser } from "acorn";
import { DiagnosticError, type SourceText, type Span } from "../../source/index.ts";

export type {
  ArrayExpression,
  BlockStatement,
  CallExpression,
  Expression,
  MemberExpression,
  ModuleDeclaration,
  Node,
  ObjectExpression,
  Pattern,
  Program,
  Property,
  Statement,
  SwitchStatement,
  TemplateLiteral,
  VariableDeclaration,
} from "acorn";

export type FunctionNode = ArrowFunctionExpression | FunctionExpression | FunctionDeclaration;
export type TopLevel = Statement | ModuleDeclaration;

const TypeScriptParser = Parser.extend(tsPlugin() as never);

/** Throws a DiagnosticError for text that is no TypeScript. `imported`: places in it say that they are of this text. */
export function parseModule(source: SourceText, imported = false): Program {
  try {
    return TypeScriptParser.parse(source.text, {
      ecmaVersion: 2026,
      sourceType: "module",
      locations: true,
      // Only handed on to the nodes.
      ...(imported ? { directSourceFile: source as unknown as string } : {}),
    });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const at = (error as SyntaxError & { pos?: number }).pos ?? 0;
    const message = error.message.replace(/ \(\d+:\d+\)$/, "");
    throw new DiagnosticError(
      [
        {
          code: "SCRY1401",
          severity: "error",
          message,
          span: { start: at, end: Math.min(at + 1, source.text.length) },
        },
      ],
      source,
    );
  }
}

export function spanOf(node: Node | Span): Span {
  const { start, end } = node;
  const file = (node as { sourceFile?: unknown }).sourceFile ?? (node as Span).file;
  return file === undefined ? { start, end } : { start, end, file: file as SourceText };
}

/** The expression without what only says its type: `x as T`, `x!`, `x satisfies T`, parentheses. */
export function bare(node: Expression): Expression {
  let at = node;
  while (
    /^(?:TS(?:As|Satisfies|NonNull|TypeAssertion)\w*|ParenthesizedExpression|ChainExpression|TSInstantiationExpression)$/.test(
      at.type,
    )
  )
    at = (at as unknown as { expression: Expression }).expression;
  return at;
}

/** The name of the type that stands behind a parameter or variable (`x: u32`), and its arguments' texts; undefined: none. */
export function annotationOf(node: Pattern): Node | undefined {
  return (node as unknown as { typeAnnotation?: { typeAnnotation: Node } }).typeAnnotation?.typeAnnotation;
}

export function isFunction(node: Node): node is FunctionNode {
  return /^(?:ArrowFunctionExpression|FunctionExpression|FunctionDeclaration)$/.test(node.type);
}

export function refuse(code: `SCRY${number}`, message: string, node: Node | Span, ...hints: string[]): never {
  throw new DiagnosticError([
    { code, severity: "error", message, span: spanOf(node), ...(hints.length === 0 ? {} : { hints }) },
  ]);
}
