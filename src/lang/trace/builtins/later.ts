// What bpftrace has and Scry has not yet: to say so is better than "unknown function".

/** Functions of the language that are still to come. */
export const laterFunctions: ReadonlySet<string> = new Set(["skboutput"]);
