// Messages as they come in and go out: lines of a header, an empty one, and so many bytes of JSON. What is not framed so cannot be
// followed by anything that is understood; a message that is no JSON can.

import type * as protocol from "vscode-languageserver/node.js";
import { FormatError } from "../source/index.ts";

/** Bytes of a header: it says a length and perhaps a type. */
const MOST_HEADER = 4096;
/** Bytes of a message: a script of a megabyte, written in escapes, has six. */
const MOST_MESSAGE = 1 << 26;

/** Takes bytes in whatever pieces they come, and gives the texts of messages. */
export class Frames {
  #pieces: Buffer[] = [];
  /** Bytes in the pieces. */
  #have = 0;
  /** Bytes of the message whose header has been read. */
  #wanted: number | undefined;
  /** Bytes that were given away. */
  #at = 0;

  *feed(piece: Buffer): Iterable<string> {
    this.#pieces.push(piece);
    this.#have += piece.length;
    for (;;) {
      this.#wanted ??= this.#header();
      if (this.#wanted === undefined || this.#have < this.#wanted) return;
      const text = this.#take(this.#wanted).toString("utf8");
      this.#wanted = undefined;
      yield text;
    }
  }

  /** Nothing comes any more. */
  end(): void {
    if (this.#have > 0 || this.#wanted !== undefined) throw this.#damage("the input ends within a message");
  }

  /** The length that a header says, once all of it is there. */
  #header(): number | undefined {
    const bytes = this.#whole();
    const end = bytes.subarray(0, MOST_HEADER).indexOf("\r\n\r\n");
    if (end < 0 && bytes.length >= MOST_HEADER) throw this.#damage("a header that does not end");
    if (end < 0) return undefined;
    let length: number | undefined;
    for (const line of bytes.subarray(0, end).toString("latin1").split("\r\n")) {
      const [, name, value = ""] = /^([\w-]+): *(.*?) *$/.exec(line) ?? [];
      if (name === undefined)
        throw this.#damage(`a line of a header without a name: ${JSON.stringify(line.slice(0, 60))}`);
      if (/^content-length$/i.test(name)) length = this.#length(value);
      const charset = /^content-type$/i.test(name) ? /charset=([^;\s]*)/i.exec(value)?.[1] : undefined;
      if (charset !== undefined && !/^"?utf-?8"?$/i.test(charset)) throw this.#damage(`the encoding ${charset}`);
    }
    if (length === undefined) throw this.#damage("a header without Content-Length");
    this.#take(end + 4);
    return length;
  }

  #length(value: string): number {
    if (!/^\d+$/.test(value)) throw this.#damage(`the Content-Length ${JSON.stringify(value.slice(0, 60))}`);
    if (Number(value) > MOST_MESSAGE) throw this.#damage(`a message of ${value} bytes, more than ${MOST_MESSAGE}`);
    return Number(value);
  }

  #whole(): Buffer {
    const [first] = this.#pieces;
    const whole = this.#pieces.length === 1 && first !== undefined ? first : Buffer.concat(this.#pieces);
    this.#pieces = [whole];
    return whole;
  }

  #take(length: number): Buffer {
    const whole = this.#whole();
    this.#pieces = [whole.subarray(length)];
    this.#have -= length;
    this.#at += length;
    return whole.subarray(0, length);
  }

  #damage(reason: string): FormatError {
    return new FormatError("the editor's messages", reason, this.#at);
  }
}

/** Gives messages to the connection; `failed` is told what ends it before the input does. */
export function messageReader(
  library: Pick<typeof protocol, "Emitter">,
  input: NodeJS.ReadableStream,
  failed: (error: FormatError) => void,
): protocol.MessageReader {
  const errors = new library.Emitter<Error>();
  const closed = new library.Emitter<void>();
  const partial = new library.Emitter<protocol.PartialMessageInfo>();
  const frames = new Frames();
  return {
    onError: errors.event,
    onClose: closed.event,
    onPartialMessage: partial.event,
    listen(callback) {
      const framed = (run: () => void): void => {
        try {
          run();
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
          input.removeListener("data", data);
          failed(error);
        }
      };
      const data = (piece: Buffer): void =>
        framed(() => {
          for (const text of frames.feed(piece)) {
            const message = parsed(text);
            if (message instanceof Error) errors.fire(message);
            else callback(message);
          }
        });
      input.on("data", data);
      input.on("end", () => {
        framed(() => frames.end());
        closed.fire();
      });
      input.on("close", () => closed.fire());
      input.on("error", (error: Error) => errors.fire(error));
      return { dispose: () => void input.removeListener("data", data) };
    },
    dispose() {
      for (const emitter of [errors, closed, partial]) emitter.dispose();
    },
  };
}

function parsed(text: string): protocol.Message | Error {
  try {
    return JSON.parse(text) as protocol.Message;
  } catch (error) {
    return error as Error;
  }
}

/** Writes messages; where nobody takes them any more, `gone` is told, and the connection is not: it has no other way. */
export function messageWriter(
  library: Pick<typeof protocol, "Emitter">,
  output: NodeJS.WritableStream,
  gone: () => void,
): protocol.MessageWriter {
  const errors = new library.Emitter<[Error, protocol.Message | undefined, number | undefined]>();
  const closed = new library.Emitter<void>();
  output.on("error", gone);
  return {
    onError: errors.event,
    onClose: closed.event,
    write(message) {
      const text = JSON.stringify(message);
      return new Promise((resolve) => {
        output.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`, () => resolve());
      });
    },
    end() {},
    dispose() {
      for (const emitter of [errors, closed]) emitter.dispose();
    },
  };
}
