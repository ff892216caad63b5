// Names as compilers write them, as people do: C++ (the Itanium ABI) and Rust.
export { demangle } from "./cpp.ts";
