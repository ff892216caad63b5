// Numbers that scripts take from C headers (`#include <linux/socket.h>`) and that BTF does not carry, because they are
// macros there. Only what the well-known tools use: asm-generic/fcntl.h, linux/socket.h, linux/stat.h, linux/sched.h.

const TABLE: Readonly<Record<string, string>> = {
  AF: "UNSPEC=0 UNIX=1 LOCAL=1 INET=2 INET6=10 NETLINK=16 PACKET=17 VSOCK=40 XDP=44",
  PF: "UNSPEC=0 UNIX=1 LOCAL=1 INET=2 INET6=10 NETLINK=16 PACKET=17",
  SOCK: "STREAM=1 DGRAM=2 RAW=3 SEQPACKET=5 PACKET=10",
  TASK: "RUNNING=0 INTERRUPTIBLE=1 UNINTERRUPTIBLE=2",
  S: "IFMT=0o170000 IFSOCK=0o140000 IFLNK=0o120000 IFREG=0o100000 IFBLK=0o60000 IFDIR=0o40000 IFCHR=0o20000 IFIFO=0o10000",
  O: "RDONLY=0 WRONLY=1 RDWR=2 CREAT=0o100 EXCL=0o200 TRUNC=0o1000 APPEND=0o2000 NONBLOCK=0o4000 DIRECTORY=0o200000 CLOEXEC=0o2000000",
  AT: "FDCWD=-100",
};

/** Characters of a name: more than any here has. */
const LONGEST = 64;

/** The value of a macro of the headers, by its name; undefined for one that is not in the table. */
export function headerConstant(name: string): bigint | undefined {
  const at = name.indexOf("_");
  const group = TABLE[name.slice(0, at)];
  const found =
    at < 0 || group === undefined || name.length > LONGEST
      ? undefined
      : new RegExp(`(?:^| )${name.slice(at + 1).replace(/\W/g, "")}=(-?\\w+)`).exec(group)?.[1];
  if (found === undefined) return undefined;
  return found.startsWith("-") ? -BigInt(found.slice(1)) : BigInt(found);
}
