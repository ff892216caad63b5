// The part of the WebAssembly API that is used here. It is the same in Node and in browsers, but its types come with
// the DOM's, which a pure room does not take.

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}
/** A function that Wasm exports: here they take and give 32-bit numbers only, since 64-bit ones cost a BigInt each. */
export type WasmFunction = (...args: number[]) => number;

interface WasmInstance {
  readonly exports: { readonly [name: string]: unknown };
}

interface WebAssemblyApi {
  readonly Memory: new (options: { initial: number; maximum: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: { readonly [name: string]: object }) => WasmInstance;
}

const api = (): WebAssemblyApi => (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;

/** A memory of so many pages of 64 KiB that never grows, so that views of its buffer stay good. */
export function createWasmMemory(pages: number): WasmMemory {
  return new (api().Memory)({ initial: pages, maximum: pages });
}

/** Compiles a module; V8 compiles its functions only when they are first called. Throws for bytes that are none. */
export function compileWasm(bytes: Uint8Array): object {
  return new (api().Module)(bytes);
}

/** The functions that an instance of a module exports. */
export function instantiateWasm(
  module: object,
  imports: { readonly [name: string]: object },
): { readonly [name: string]: WasmFunction } {
  return new (api().Instance)(module, imports).exports as { readonly [name: string]: WasmFunction };
}
