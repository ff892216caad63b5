// Where stacks are kept: the kernel's own table of them, and a map for those that it had no place for.

/** Numbers of stacks that the kernel's table had no place for are from here on. */
export const DISPLACED: number = 2 ** 47;

/** Names of the maps that hold stacks of up to this many frames: the kernel's table, and those that it had no place for. */
export const stackMaps = (limit: number): { readonly table: string; readonly displaced: string } => ({
  table: `stacks_${limit}`,
  displaced: `stacks_${limit}.more`,
});
