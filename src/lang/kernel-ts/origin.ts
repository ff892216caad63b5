/**
 * Where a pointer that a function is given leads: `near` may be read as it is, `far` needs the safe reads of programs whose
 * arguments are plain numbers; `kernel` is what the kind of the program says, `user` memory of the process.
 */
export type Origin = "near" | "kernel" | "user";
