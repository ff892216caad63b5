// The structs by which this room speaks with the kernel: every field by its name, in the kernel's order and terms. Where
// each lies follows from that (`struct.ts`). A field behind the last one given here is zero.

/**
 * `union bpf_attr` of bpf(2), by command (include/uapi/linux/bpf.h). Zeros at the end are taken by every kernel, also by
 * one that does not know these fields (bpf_check_uarg_tail_zero).
 */
export const bpfAttr = {
  MAP_CREATE: {
    map_type: "u32",
    key_size: "u32",
    value_size: "u32",
    max_entries: "u32",
    map_flags: "u32",
    inner_map_fd: "u32",
    numa_node: "u32",
    map_name: "char[16]",
    map_ifindex: "u32",
    btf_fd: "u32",
    btf_key_type_id: "u32",
    btf_value_type_id: "u32",
    btf_vmlinux_value_type_id: "u32",
    map_extra: "u64",
    value_type_btf_obj_fd: "u32",
    map_token_fd: "u32",
  },
  MAP_LOOKUP_ELEM: { map_fd: "u32", key: "ptr", value: "ptr", flags: "u64" },
  MAP_UPDATE_ELEM: { map_fd: "u32", key: "ptr", value: "ptr", flags: "u64" },
  MAP_DELETE_ELEM: { map_fd: "u32", key: "ptr", value: "ptr", flags: "u64" },
  MAP_LOOKUP_AND_DELETE_ELEM: { map_fd: "u32", key: "ptr", value: "ptr", flags: "u64" },
  MAP_GET_NEXT_KEY: { map_fd: "u32", key: "ptr", next_key: "ptr" },
  PROG_LOAD: {
    prog_type: "u32",
    insn_cnt: "u32",
    insns: "ptr",
    license: "ptr",
    log_level: "u32",
    log_size: "u32",
    log_buf: "ptr",
    kern_version: "u32",
    prog_flags: "u32",
    prog_name: "char[16]",
    prog_ifindex: "u32",
    expected_attach_type: "u32",
    prog_btf_fd: "u32",
    func_info_rec_size: "u32",
    func_info: "ptr",
    func_info_cnt: "u32",
    line_info_rec_size: "u32",
    line_info: "ptr",
    line_info_cnt: "u32",
    attach_btf_id: "u32",
    "attach_prog_fd|attach_btf_obj_fd": "u32",
    core_relo_cnt: "u32",
    fd_array: "ptr",
    core_relos: "ptr",
    core_relo_rec_size: "u32",
    log_true_size: "u32",
    prog_token_fd: "u32",
  },
  OBJ_PIN: { pathname: "ptr", bpf_fd: "u32", file_flags: "u32" },
  OBJ_GET: { pathname: "ptr", bpf_fd: "u32", file_flags: "u32" },
  PROG_ATTACH: {
    "target_fd|target_ifindex": "u32",
    attach_bpf_fd: "u32",
    attach_type: "u32",
    attach_flags: "u32",
    replace_bpf_fd: "u32",
  },
  PROG_DETACH: {
    "target_fd|target_ifindex": "u32",
    attach_bpf_fd: "u32",
    attach_type: "u32",
    attach_flags: "u32",
    replace_bpf_fd: "u32",
  },
  PROG_TEST_RUN: {
    prog_fd: "u32",
    retval: "u32",
    data_size_in: "u32",
    data_size_out: "u32",
    data_in: "ptr",
    data_out: "ptr",
    repeat: "u32",
    duration: "u32",
    ctx_size_in: "u32",
    ctx_size_out: "u32",
    ctx_in: "ptr",
    ctx_out: "ptr",
    flags: "u32",
    cpu: "u32",
    batch_size: "u32",
  },
  PROG_QUERY: {
    "target_fd|target_ifindex": "u32",
    attach_type: "u32",
    query_flags: "u32",
    attach_flags: "u32",
    prog_ids: "ptr",
    "prog_cnt|count": "u32",
    prog_attach_flags: "ptr",
    link_ids: "ptr",
    link_attach_flags: "ptr",
    revision: "u64",
  },
  PROG_GET_NEXT_ID: { start_id: "u32", next_id: "u32" },
  PROG_GET_FD_BY_ID: { prog_id: "u32", next_id: "u32", open_flags: "u32" },
  MAP_GET_NEXT_ID: { start_id: "u32", next_id: "u32" },
  MAP_GET_FD_BY_ID: { map_id: "u32", next_id: "u32", open_flags: "u32" },
  LINK_GET_NEXT_ID: { start_id: "u32", next_id: "u32" },
  LINK_GET_FD_BY_ID: { link_id: "u32", next_id: "u32", open_flags: "u32" },
  OBJ_GET_INFO_BY_FD: { bpf_fd: "u32", info_len: "u32", info: "ptr" },
  RAW_TRACEPOINT_OPEN: { name: "ptr", prog_fd: "u32", cookie: "u64" },
  BTF_LOAD: {
    btf: "ptr",
    btf_log_buf: "ptr",
    btf_size: "u32",
    btf_log_size: "u32",
    btf_log_level: "u32",
    btf_log_true_size: "u32",
    btf_flags: "u32",
    btf_token_fd: "u32",
  },
  BTF_GET_FD_BY_ID: { btf_id: "u32", next_id: "u32", open_flags: "u32" },
  MAP_FREEZE: { map_fd: "u32" },
  TOKEN_CREATE: { flags: "u32", bpffs_fd: "u32" },
  BTF_GET_NEXT_ID: { start_id: "u32", next_id: "u32" },
  MAP_LOOKUP_BATCH: {
    in_batch: "ptr",
    out_batch: "ptr",
    keys: "ptr",
    values: "ptr",
    count: "u32",
    map_fd: "u32",
    elem_flags: "u64",
    flags: "u64",
  },
  MAP_UPDATE_BATCH: {
    in_batch: "ptr",
    out_batch: "ptr",
    keys: "ptr",
    values: "ptr",
    count: "u32",
    map_fd: "u32",
    elem_flags: "u64",
    flags: "u64",
  },
  MAP_DELETE_BATCH: {
    in_batch: "ptr",
    out_batch: "ptr",
    keys: "ptr",
    values: "ptr",
    count: "u32",
    map_fd: "u32",
    elem_flags: "u64",
    flags: "u64",
  },
  LINK_CREATE: {
    "prog_fd|map_fd": "u32",
    "target_fd|target_ifindex": "u32",
    attach_type: "u32",
    flags: "u32",
    union: {
      target_btf_id: "u32",
      perf_event: { bpf_cookie: "u64" },
      kprobe_multi: { flags: "u32", cnt: "u32", syms: "ptr", addrs: "ptr", cookies: "ptr" },
      tracing: { target_btf_id: "u32", cookie: "u64" },
      uprobe_multi: {
        path: "ptr",
        offsets: "ptr",
        ref_ctr_offsets: "ptr",
        cookies: "ptr",
        cnt: "u32",
        flags: "u32",
        pid: "u32",
      },
      netfilter: { pf: "u32", hooknum: "u32", priority: "s32", flags: "u32" },
    },
  },
  /** BPF_LINK_CREATE for an iterator: what it is to walk over (`union bpf_iter_link_info`). */
  LINK_CREATE_ITER: {
    "prog_fd|map_fd": "u32",
    "target_fd|target_ifindex": "u32",
    attach_type: "u32",
    flags: "u32",
    iter_info: "ptr",
    iter_info_len: "u32",
  },
  LINK_UPDATE: {
    link_fd: "u32",
    "new_prog_fd|new_map_fd": "u32",
    flags: "u32",
    "old_prog_fd|old_map_fd": "u32",
  },
  LINK_DETACH: { link_fd: "u32" },
  ENABLE_STATS: { type: "u32" },
  ITER_CREATE: { link_fd: "u32", flags: "u32" },
} as const;

/** What OBJ_GET_INFO_BY_FD says of a program: `struct bpf_prog_info`. */
export const bpfProgInfo = {
  type: "u32",
  id: "u32",
  tag: "u8[8]",
  jited_prog_len: "u32",
  xlated_prog_len: "u32",
  jited_prog_insns: "ptr",
  xlated_prog_insns: "ptr",
  load_time: "u64",
  created_by_uid: "u32",
  nr_map_ids: "u32",
  map_ids: "ptr",
  name: "char[16]",
  ifindex: "u32",
  gpl_compatible: "u32",
  netns_dev: "u64",
  netns_ino: "u64",
  nr_jited_ksyms: "u32",
  nr_jited_func_lens: "u32",
  jited_ksyms: "ptr",
  jited_func_lens: "ptr",
  btf_id: "u32",
  func_info_rec_size: "u32",
  func_info: "ptr",
  nr_func_info: "u32",
  nr_line_info: "u32",
  line_info: "ptr",
  jited_line_info: "ptr",
  nr_jited_line_info: "u32",
  line_info_rec_size: "u32",
  jited_line_info_rec_size: "u32",
  nr_prog_tags: "u32",
  prog_tags: "ptr",
  run_time_ns: "u64",
  run_cnt: "u64",
  recursion_misses: "u64",
  verified_insns: "u32",
  attach_btf_obj_id: "u32",
  attach_btf_id: "u32",
} as const;

/** The same of a map: `struct bpf_map_info`. */
export const bpfMapInfo = {
  type: "u32",
  id: "u32",
  key_size: "u32",
  value_size: "u32",
  max_entries: "u32",
  map_flags: "u32",
  name: "char[16]",
  ifindex: "u32",
  btf_vmlinux_value_type_id: "u32",
  netns_dev: "u64",
  netns_ino: "u64",
  btf_id: "u32",
  btf_key_type_id: "u32",
  btf_value_type_id: "u32",
  btf_vmlinux_id: "u32",
  map_extra: "u64",
} as const;

/** The same of a link: `struct bpf_link_info`. Behind the first three, fields of its type; some have a name's room. */
export const bpfLinkInfo = {
  type: "u32",
  id: "u32",
  prog_id: "u32",
  union: {
    raw_tracepoint: { tp_name: "ptr", tp_name_len: "u32" },
    tracing: { attach_type: "u32", target_obj_id: "u32", target_btf_id: "u32" },
    cgroup: { cgroup_id: "u64", attach_type: "u32" },
    netns: { netns_ino: "u32", attach_type: "u32" },
    xdp: { ifindex: "u32" },
    tcx: { ifindex: "u32", attach_type: "u32" },
    kprobe_multi: { addrs: "ptr", count: "u32", flags: "u32" },
  },
} as const;

/** The same of BTF: `struct bpf_btf_info`. */
export const bpfBtfInfo = {
  btf: "ptr",
  btf_size: "u32",
  id: "u32",
  name: "ptr",
  name_len: "u32",
  kernel_btf: "u32",
} as const;

/** `struct bpf_insn`; the low half of `regs` is dst_reg, the high one src_reg. */
export const bpfInsn = { code: "u8", regs: "u8", off: "u16", imm: "s32" } as const;

/** `struct bpf_func_info`, one for each function of a program. */
export const bpfFuncInfo = { insn_off: "u32", type_id: "u32" } as const;

/** `struct perf_event_attr` up to PERF_ATTR_SIZE_VER8 (include/uapi/linux/perf_event.h). */
export const perfEventAttr = {
  type: "u32",
  size: "u32",
  config: "u64",
  "sample_period|sample_freq": "u64",
  sample_type: "u64",
  read_format: "u64",
  /** Bits from `disabled` to `sigtrap`. */
  bits: "u64",
  "wakeup_events|wakeup_watermark": "u32",
  bp_type: "u32",
  "bp_addr|kprobe_func|uprobe_path|config1": "ptr",
  "bp_len|kprobe_addr|probe_offset|config2": "u64",
  branch_sample_type: "u64",
  sample_regs_user: "u64",
  sample_stack_user: "u32",
  clockid: "s32",
  sample_regs_intr: "u64",
  aux_watermark: "u32",
  sample_max_stack: "u16",
  __reserved_2: "u16",
  aux_sample_size: "u32",
  __reserved_3: "u32",
  sig_data: "u64",
  config3: "u64",
} as const;

/** `struct epoll_event` of epoll(7), of whose `data` we use the first half, `fd`. */
export const epollEvent = { events: "u32", padding: "u32", fd: "u32", data_high: "u32" } as const;

/** The same on x86_64, where it is packed. */
export const epollEventPacked = { events: "u32", fd: "u32", data_high: "u32" } as const;

/** `struct nlmsghdr` of netlink(7). */
export const nlmsghdr = {
  nlmsg_len: "u32",
  nlmsg_type: "u16",
  nlmsg_flags: "u16",
  nlmsg_seq: "u32",
  nlmsg_pid: "u32",
} as const;

/** `struct nlmsgerr` up to the request that it repeats: 0, or the negated errno. */
export const nlmsgerr = { error: "s32" } as const;

/** `struct nlattr`, before the payload of an attribute. */
export const nlattr = { nla_len: "u16", nla_type: "u16" } as const;

/** `struct tcmsg` of rtnetlink(7). */
export const tcmsg = {
  tcm_family: "u8",
  tcm__pad1: "u8",
  tcm__pad2: "u16",
  tcm_ifindex: "s32",
  tcm_handle: "u32",
  tcm_parent: "u32",
  tcm_info: "u32",
} as const;

/** `struct ifreq` of netdevice(7). */
export const ifreq = {
  ifr_name: "char[16]",
  union: { ifr_ifindex: "s32", ifr_mtu: "s32", ifr_type: "u16", ifr_addr: "u8[16]", ifr_map: "u8[24]" },
} as const;

/** `struct tpacket_req3` of linux/if_packet.h. */
export const tpacketReq3 = {
  tp_block_size: "u32",
  tp_block_nr: "u32",
  tp_frame_size: "u32",
  tp_frame_nr: "u32",
  tp_retire_blk_tov: "u32",
  tp_sizeof_priv: "u32",
  tp_feature_req_word: "u32",
} as const;

/** `struct sockaddr_ll` of packet(7). */
export const sockaddrLl = {
  sll_family: "u16",
  sll_protocol: "u16",
  sll_ifindex: "s32",
  sll_hatype: "u16",
  sll_pkttype: "u8",
  sll_halen: "u8",
  sll_addr: "u8[8]",
} as const;

/** `struct packet_mreq` of packet(7). */
export const packetMreq = { mr_ifindex: "s32", mr_type: "u16", mr_alen: "u16", mr_address: "u8[8]" } as const;

/** `struct sock_fprog` of linux/filter.h. */
export const sockFprog = { len: "u16", filter: "ptr" } as const;
