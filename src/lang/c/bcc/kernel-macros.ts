// Macros of the kernel's headers that programs for BCC use, and small functions of them that are macros here. BTF has the
// kernel's types, not its macros: these are facts of its interface (include/uapi) or did not change in ten years.

/** Names of members that stand for longer ones, by the header that has them: `sk->sk_state`. */
const MEMBERS: Readonly<Record<string, readonly [path: string, names: Readonly<Record<string, string>>]>> = {
  "net/sock.h": [
    "__sk_common",
    {
      sk_num: "skc_num",
      sk_dport: "skc_dport",
      sk_addrpair: "skc_addrpair",
      sk_daddr: "skc_daddr",
      sk_rcv_saddr: "skc_rcv_saddr",
      sk_family: "skc_family",
      sk_state: "skc_state",
      sk_reuse: "skc_reuse",
      sk_reuseport: "skc_reuseport",
      sk_ipv6only: "skc_ipv6only",
      sk_bound_dev_if: "skc_bound_dev_if",
      sk_prot: "skc_prot",
      sk_net: "skc_net",
      sk_v6_daddr: "skc_v6_daddr",
      sk_v6_rcv_saddr: "skc_v6_rcv_saddr",
      sk_cookie: "skc_cookie",
      sk_incoming_cpu: "skc_incoming_cpu",
      sk_flags: "skc_flags",
    },
  ],
  "net/inet_sock.h": [
    "sk.__sk_common",
    { inet_daddr: "skc_daddr", inet_rcv_saddr: "skc_rcv_saddr", inet_dport: "skc_dport", inet_num: "skc_num" },
  ],
};

/** What else is said by a header, and what it includes. */
const TEXTS: Readonly<Record<string, string>> = {
  "net/inet_sock.h": "#include <net/sock.h>\n#define inet_sk(sk) ((struct inet_sock *)(sk))\n",
  "net/inet_connection_sock.h":
    "#include <net/inet_sock.h>\n#define inet_csk(sk) ((struct inet_connection_sock *)(sk))\n",
  "linux/tcp.h": "#include <net/inet_connection_sock.h>\n#define tcp_sk(sk) ((struct tcp_sock *)(sk))\n",
  "net/tcp.h": "#include <linux/tcp.h>\n#define TCP_SKB_CB(skb) ((struct tcp_skb_cb *)&((skb)->cb[0]))\n",
  "linux/blkdev.h": "#define rq_data_dir(rq) ((rq)->cmd_flags & 1)\n",
  // The lowest two bits of a page's address say what the entry is.
  "linux/scatterlist.h":
    "#define sg_is_chain(sg) ((sg)->page_link & 1UL)\n#define sg_is_last(sg) ((sg)->page_link & 2UL)\n#define sg_chain_ptr(sg) ((struct scatterlist *)((sg)->page_link & ~3UL))\n",
  "linux/virtio.h": "#include <linux/scatterlist.h>\n",
  "linux/blk-mq.h": "#include <linux/blkdev.h>\n",
};

const OF_KERNEL = /^(?:linux|asm|asm-generic|uapi|net|generated|bcc|trace|sched)\//;

/** The macros of one of the kernel's headers, whose types BTF has; undefined: it is none of them. */
export function kernelHeader(name: string): string | undefined {
  if (!OF_KERNEL.test(name)) return undefined;
  const [path, names] = MEMBERS[name] ?? ["", {}];
  const members = Object.entries(names).map(([short, long]) => `#define ${short} ${path}.${long}\n`);
  return `#pragma once\n${TEXTS[name] ?? ""}${members.join("")}`;
}

/** Stands before each text. */
export const KERNEL_MACROS: string = `#pragma once
#define KBUILD_MODNAME "bcc"
#define CONFIG_64BIT 1
#define CONFIG_MMU 1
#define CONFIG_CGROUPS 1
#define CONFIG_ARCH_HAS_SYSCALL_WRAPPER 1
#define TASK_COMM_LEN 16
#define TASK_RUNNING 0
#define TASK_INTERRUPTIBLE 1
#define TASK_UNINTERRUPTIBLE 2
#define NAME_MAX 255
#define PATH_MAX 4096
#define DISK_NAME_LEN 32
#define DNAME_INLINE_LEN 32
#define PAGE_OFFSET 0xffff800000000000UL
#define PAGE_SHIFT 12
#define PAGE_SIZE 4096UL
#define MINORBITS 20
#define MINORMASK ((1U << MINORBITS) - 1)
#define MAJOR(dev) ((unsigned int)((dev) >> MINORBITS))
#define MINOR(dev) ((unsigned int)((dev) & MINORMASK))
#define MKDEV(ma, mi) (((ma) << MINORBITS) | (mi))
#define NSEC_PER_USEC 1000L
#define NSEC_PER_MSEC 1000000L
#define NSEC_PER_SEC 1000000000L
#define USEC_PER_SEC 1000000L
#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define AF_PACKET 17
#define PF_INET AF_INET
#define PF_INET6 AF_INET6
#define PF_KTHREAD 0x00200000
#define SOL_SOCKET 1
#define SO_REUSEADDR 2
#define SO_REUSEPORT 15
#define SCM_RIGHTS 1
#define IFNAMSIZ 16
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86DD
#define ETH_P_ARP 0x0806
#define ETH_HLEN 14
#define ETH_ALEN 6
#define S_IFMT 00170000
#define S_IFSOCK 0140000
#define S_IFLNK 0120000
#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFDIR 0040000
#define S_IFCHR 0020000
#define S_IFIFO 0010000
#define S_ISREG(m) (((m) & S_IFMT) == S_IFREG)
#define S_ISDIR(m) (((m) & S_IFMT) == S_IFDIR)
#define S_ISSOCK(m) (((m) & S_IFMT) == S_IFSOCK)
#define S_ISLNK(m) (((m) & S_IFMT) == S_IFLNK)
#define O_RDONLY 0
#define O_WRONLY 1
#define O_RDWR 2
#define O_CREAT 0100
#define FMODE_READ 1
#define FMODE_WRITE 2
#define FMODE_CREATED 0x100000
#define REQ_OP_BITS 8
#define REQ_OP_MASK ((1 << REQ_OP_BITS) - 1)
#define EPERM 1
#define ENOENT 2
#define EINTR 4
#define EIO 5
#define EBADF 9
#define EAGAIN 11
#define ENOMEM 12
#define EACCES 13
#define EEXIST 17
#define EINVAL 22
#define ERESTARTSYS 512
#define CLONE_VM 0x00000100
#define CLONE_THREAD 0x00010000
#define SIGKILL 9
#define IS_ERR_VALUE(x) ((unsigned long)(void *)(x) >= (unsigned long)-4095)
#define IS_ERR(x) IS_ERR_VALUE(x)
#define IS_ERR_OR_NULL(x) (!(x) || IS_ERR_VALUE(x))
#define PTR_ERR(x) ((long)(x))
#define BIT(n) (1UL << (n))
#define ARRAY_SIZE(x) (sizeof(x) / sizeof((x)[0]))
#ifndef min
#define min(a, b) ({ typeof(a) __min_a = (a); typeof(b) __min_b = (b); __min_a < __min_b ? __min_a : __min_b; })
#define max(a, b) ({ typeof(a) __max_a = (a); typeof(b) __max_b = (b); __max_a > __max_b ? __max_a : __max_b; })
#endif
#define min_t(type, a, b) min((type)(a), (type)(b))
#define max_t(type, a, b) max((type)(a), (type)(b))
#define clamp(x, low, high) min(max(x, low), high)
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define div_u64(n, d) ((unsigned long)(n) / (unsigned int)(d))
#define div64_u64(n, d) ((unsigned long)(n) / (unsigned long)(d))
#define __packed __attribute__((packed))
#define __maybe_unused __attribute__((unused))
#define READ_ONCE(x) (x)
#define ntohs(x) __builtin_bswap16(x)
#define htons(x) __builtin_bswap16(x)
#define ntohl(x) __builtin_bswap32(x)
#define htonl(x) __builtin_bswap32(x)
#define be16_to_cpu(x) __builtin_bswap16(x)
#define be32_to_cpu(x) __builtin_bswap32(x)
#define be64_to_cpu(x) __builtin_bswap64(x)
#define cpu_to_be16(x) __builtin_bswap16(x)
#define cpu_to_be32(x) __builtin_bswap32(x)
#define cpu_to_be64(x) __builtin_bswap64(x)
`;
