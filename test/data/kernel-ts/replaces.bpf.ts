import { freplace, type u32 } from "scry/bpf";

export const ten = freplace("answer", (n: u32): u32 => n * 10);
