// Variables of the environment that mean something, other than those of config keys (BPFTRACE_KEY).

interface Variable {
  readonly doc: string;
  /** A whole command line. */
  readonly example: string;
}

/** By their names. */
export const environmentVariables: Readonly<Record<string, Variable>> = {
  BPFTRACE_KERNEL_SOURCE: {
    doc: "The folder of the kernel's source or headers, in place of /lib/modules/RELEASE/source.",
    example: "BPFTRACE_KERNEL_SOURCE=/usr/src/linux scry script.bt",
  },
  BPFTRACE_KERNEL_BUILD: {
    doc: "The folder that the kernel was built in, in place of /lib/modules/RELEASE/build.",
    example: "BPFTRACE_KERNEL_BUILD=/usr/src/linux-build scry script.bt",
  },
  BPFTRACE_COLOR: {
    doc: "Colours, as --color: auto, always or never; the option comes before it. Of what goes into pipes it is for standard error alone.",
    example: "BPFTRACE_COLOR=never scry script.bt",
  },
  NO_COLOR: {
    doc: "No colours, where it is set and not empty and neither --color nor BPFTRACE_COLOR says always.",
    example: "NO_COLOR=1 scry script.bt",
  },
  FORCE_COLOR: {
    doc: "Colours in what is said on standard error, even where that is a pipe; 0: none at all. NO_COLOR comes before it. What a script prints into a pipe or a file has colours by --color always alone.",
    example: "FORCE_COLOR=1 scry script.bt 2> messages.txt",
  },
  CLICOLOR_FORCE: { doc: "The same as FORCE_COLOR.", example: "CLICOLOR_FORCE=1 scry script.bt 2> messages.txt" },
  CLICOLOR: { doc: "0: no colours on a terminal.", example: "CLICOLOR=0 scry script.bt" },
  TERM: { doc: "The kind of the terminal; one that is `dumb` gets no colours.", example: "TERM=dumb scry script.bt" },
};
