// Where stacks are kept: the kernel's own table of them, and a map for those that it had no place for.

/** Numbers of stacks that the kernel's table had no place for are from here on. */
export const DISPLACED: number = 2 ** 47;

/** Numbers of stacks have so many bits. Above them stands how many frames it has, in scripts that ask for that. */
export const STACK_NUMBER_BITS: number = 48;

/** Names of the maps that hold stacks of up to this many frames: the kernel's table, and those that it had no place for. */
export const stackMaps = (limit: number): { readonly table: string; readonly displaced: string } => ({
  table: `stacks_${limit}`,
  displaced: `stacks_${limit}.more`,
});
