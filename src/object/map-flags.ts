// Flags of a map's creation (`BPF_F_*` of include/uapi/linux/bpf.h) that more than one room speaks of.

/** Entries of a hash are allocated when they are written. */
export const BPF_F_NO_PREALLOC = 1;
/** Programs only read it. */
export const BPF_F_RDONLY_PROG: number = 1 << 7;
/** Programs only write it. */
export const BPF_F_WRONLY_PROG: number = 1 << 8;
/** User space may map the values of an array into its memory. */
export const BPF_F_MMAPABLE: number = 1 << 10;
