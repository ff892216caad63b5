// Inline assembly as it stands in C text: `asm volatile("…" : outputs : inputs : clobbers : labels)`, with GNU C's constraints.
// What the text means is the target's.

import { bytesOf } from "./expressions.ts";
import { InitializerReader } from "./initializers.ts";
import type { CAssembly, CStatement } from "./tree.ts";
import { isPlace, refuse } from "./typing.ts";

export abstract class AssemblyReader extends InitializerReader {
  // asm := ("asm" | "__asm__") ("volatile" | "goto" | "inline")* "(" STRING+ (":" operands){0,2} (":" …){0,2} ")" ";"
  protected assembly(): CStatement {
    const start = this.span;
    this.at++;
    while (/^(?:volatile|__volatile__|__volatile|goto|inline|__inline__)$/.test(this.token.text)) this.at++;
    this.expect("(", "after asm");
    const text = this.#strings();
    const outputs = this.accept(":") ? this.#operands() : [];
    const inputs = this.accept(":") ? this.#operands() : [];
    if (this.accept(":")) while (!this.done && !this.is(":") && !this.is(")")) this.at++;
    const labels: string[] = [];
    if (this.accept(":"))
      while (!this.done && !this.is(")")) {
        if (this.token.kind === "identifier") labels.push(this.token.text);
        this.at++;
      }
    this.expect(")", "after asm(");
    this.accept(";");
    for (const { value, constraint } of outputs)
      if (!isPlace(value)) refuse("SCRY1008", `nothing can be assigned to what is behind "${constraint}"`, value.span);
    return { kind: "assembly", text, outputs, inputs, labels, span: this.from(start) };
  }

  #strings(): string {
    const parts: string[] = [];
    if (this.token.kind !== "string") this.unexpected("the text of an assembly");
    while (!this.done && this.token.kind === "string") {
      parts.push(new TextDecoder().decode(bytesOf(this.token)));
      this.at++;
    }
    return parts.join("");
  }

  // operands := (("[" NAME "]")? STRING "(" expression ")" ("," …)*)?
  #operands(): CAssembly["inputs"] {
    const found: CAssembly["inputs"][number][] = [];
    while (!this.done && (this.is("[") || this.token.kind === "string")) {
      let name: string | undefined;
      if (this.accept("[")) {
        name = this.token.text;
        this.at++;
        this.expect("]", "after the name of an operand");
      }
      const constraint = this.#strings();
      this.expect("(", "before an operand");
      const value = this.expression();
      this.expect(")", "after an operand");
      // In memory, for its address is taken.
      if (constraint.includes("m") && isPlace(value)) this.typing.address(value, value.span);
      found.push({ ...(name === undefined ? {} : { name }), constraint, value });
      if (!this.accept(",")) break;
    }
    return found;
  }
}
