// The words of the language, and what they stand for.

/** Words for a protocol, by what they mean. */
export const PROTOCOLS: Readonly<Record<string, string>> = {
  ...same(
    "link ip arp rarp sctp tcp udp icmp igmp igrp pim vrrp carp atalk aarp decnet lat sca moprc mopdl ah esp iso",
  ),
  ...same("clnp stp ipx netbeui iih lsp snp csnp psnp l1 l2 radio ip6 icmp6 esis isis"),
  ether: "link",
  ppp: "link",
  slip: "link",
  fddi: "link",
  tr: "link",
  wlan: "link",
  "es-is": "esis",
  "is-is": "isis",
};

/** Words that ask by themselves, with nothing behind them. */
export const ALONE: ReadonlySet<string> = new Set(
  "inbound outbound lane metac bcc sc ilmic oam oamf4 oamf4ec oamf4sc connectmsg metaconnect fisu lssu lsu msu hfisu hlssu hmsu".split(
    " ",
  ),
);

/** Words with a number behind them. */
export const WITH_NUMBER: Readonly<Record<string, string>> = {
  ...same("less greater ifindex rulenum subrulenum"),
  rnr: "rulenum",
  srnr: "subrulenum",
};

/** Words with a number behind them, or none. */
export const WITH_NUMBER_OR_NONE: ReadonlySet<string> = new Set(["vlan", "mpls", "pppoes", "geneve", "vxlan"]);

/** Words whose number may be compared: `vpi > 5`, `sio (3 or 4)`. */
export const FIELDS: ReadonlySet<string> = new Set("vpi vci sio opc dpc sls hsio hopc hdpc hsls".split(" "));

/** Words with a name behind them. */
export const WITH_NAME: Readonly<Record<string, string>> = {
  ...same("ifname reason ruleset action"),
  on: "ifname",
  rset: "ruleset",
};

/** Other words that have a meaning where they stand. */
export const WORDS: Readonly<Record<string, string>> = {
  ...same("and or not src dst host net mask port portrange proto protochain gateway len broadcast multicast byte type"),
  ...same("subtype dir ra ta addr1 addr2 addr3 addr4 llc pppoed"),
  length: "len",
  direction: "dir",
  address1: "addr1",
  address2: "addr2",
  address3: "addr3",
  address4: "addr4",
};

/** Every word that is no name. */
export const KEYWORDS: ReadonlySet<string> = new Set([
  ...Object.keys(PROTOCOLS),
  ...ALONE,
  ...Object.keys(WITH_NUMBER),
  ...WITH_NUMBER_OR_NONE,
  ...FIELDS,
  ...Object.keys(WITH_NAME),
  ...Object.keys(WORDS),
]);

/** Offsets of fields, types and flags that stand for numbers. */
export const NUMBERS: Readonly<Record<string, number>> = {
  icmptype: 0,
  icmpcode: 1,
  icmp6type: 0,
  icmp6code: 1,
  tcpflags: 13,
  "icmp-echoreply": 0,
  "icmp-unreach": 3,
  "icmp-sourcequench": 4,
  "icmp-redirect": 5,
  "icmp-echo": 8,
  "icmp-routeradvert": 9,
  "icmp-routersolicit": 10,
  "icmp-timxceed": 11,
  "icmp-paramprob": 12,
  "icmp-tstamp": 13,
  "icmp-tstampreply": 14,
  "icmp-ireq": 15,
  "icmp-ireqreply": 16,
  "icmp-maskreq": 17,
  "icmp-maskreply": 18,
  "icmp6-destinationunreach": 1,
  "icmp6-packettoobig": 2,
  "icmp6-timeexceeded": 3,
  "icmp6-parameterproblem": 4,
  "icmp6-echo": 128,
  "icmp6-echoreply": 129,
  "icmp6-multicastlistenerquery": 130,
  "icmp6-multicastlistenerreportv1": 131,
  "icmp6-multicastlistenerdone": 132,
  "icmp6-routersolicit": 133,
  "icmp6-routeradvert": 134,
  "icmp6-neighborsolicit": 135,
  "icmp6-neighboradvert": 136,
  "icmp6-redirect": 137,
  "icmp6-routerrenum": 138,
  "icmp6-nodeinformationquery": 139,
  "icmp6-nodeinformationresponse": 140,
  "icmp6-ineighbordiscoverysolicit": 141,
  "icmp6-ineighbordiscoveryadvert": 142,
  "icmp6-multicastlistenerreportv2": 143,
  "icmp6-homeagentdiscoveryrequest": 144,
  "icmp6-homeagentdiscoveryreply": 145,
  "icmp6-mobileprefixsolicit": 146,
  "icmp6-mobileprefixadvert": 147,
  "icmp6-certpathsolicit": 148,
  "icmp6-certpathadvert": 149,
  "icmp6-multicastrouteradvert": 151,
  "icmp6-multicastroutersolicit": 152,
  "icmp6-multicastrouterterm": 153,
  "tcp-fin": 1,
  "tcp-syn": 2,
  "tcp-rst": 4,
  "tcp-push": 8,
  "tcp-ack": 16,
  "tcp-urg": 32,
  "tcp-ece": 64,
  "tcp-cwr": 128,
};

/** Types of 802.11 frames, as bits of their first byte. */
export const FRAME_TYPES: Readonly<Record<string, number>> = {
  mgt: 0x00,
  management: 0x00,
  ctl: 0x04,
  control: 0x04,
  data: 0x08,
};

/** Subtypes of 802.11 frames with their type. */
export const FRAME_SUBTYPES: Readonly<Record<string, readonly [type: number, subtype: number]>> = {
  "assoc-req": [0, 0x00],
  assocreq: [0, 0x00],
  "assoc-resp": [0, 0x10],
  assocresp: [0, 0x10],
  "reassoc-req": [0, 0x20],
  reassocreq: [0, 0x20],
  "reassoc-resp": [0, 0x30],
  reassocresp: [0, 0x30],
  "probe-req": [0, 0x40],
  probereq: [0, 0x40],
  "probe-resp": [0, 0x50],
  proberesp: [0, 0x50],
  beacon: [0, 0x80],
  atim: [0, 0x90],
  disassoc: [0, 0xa0],
  disassociation: [0, 0xa0],
  auth: [0, 0xb0],
  authentication: [0, 0xb0],
  deauth: [0, 0xc0],
  deauthentication: [0, 0xc0],
  bar: [4, 0x80],
  ba: [4, 0x90],
  "ps-poll": [4, 0xa0],
  rts: [4, 0xb0],
  cts: [4, 0xc0],
  ack: [4, 0xd0],
  "cf-end": [4, 0xe0],
  "cf-end-ack": [4, 0xf0],
  data: [8, 0x00],
  "data-cf-ack": [8, 0x10],
  "data-cf-poll": [8, 0x20],
  "data-cf-ack-poll": [8, 0x30],
  null: [8, 0x40],
  "cf-ack": [8, 0x50],
  "cf-poll": [8, 0x60],
  "cf-ack-poll": [8, 0x70],
  "qos-data": [8, 0x80],
  "qos-data-cf-ack": [8, 0x90],
  "qos-data-cf-poll": [8, 0xa0],
  "qos-data-cf-ack-poll": [8, 0xb0],
  qos: [8, 0xc0],
  "qos-cf-poll": [8, 0xe0],
  "qos-cf-ack-poll": [8, 0xf0],
};

/** Directions of 802.11 frames. */
export const FRAME_DIRECTIONS: Readonly<Record<string, number>> = { nods: 0, tods: 1, fromds: 2, dstods: 3 };

/** Supervisory and unnumbered frames of LLC, by the bits that tell them: mask, value. */
export const LLC_FRAMES: Readonly<Record<string, readonly [mask: number, value: number]>> = {
  s: [0x03, 0x01],
  u: [0x03, 0x03],
  rr: [0x0f, 0x01],
  rnr: [0x0f, 0x05],
  rej: [0x0f, 0x09],
  ui: [0xef, 0x03],
  ua: [0xef, 0x63],
  disc: [0xef, 0x43],
  dm: [0xef, 0x0f],
  sabme: [0xef, 0x6f],
  test: [0xef, 0xe3],
  xid: [0xef, 0xaf],
  frmr: [0xef, 0x87],
};

/** What pf did, and why: of OpenBSD, NetBSD, FreeBSD and Darwin, which give some numbers to several names. */
export const PF_ACTIONS: Readonly<Record<string, number>> = {
  pass: 0,
  accept: 0,
  drop: 1,
  block: 1,
  scrub: 2,
  noscrub: 3,
  nat: 4,
  nonat: 5,
  binat: 6,
  nobinat: 7,
  rdr: 8,
  nordr: 9,
  "synproxy-drop": 10,
  defer: 11,
  dummynet: 11,
  match: 12,
  nodummynet: 12,
  divert: 13,
  nat64: 13,
  rt: 14,
  nonat64: 14,
  afrt: 15,
};
export const PF_REASONS: Readonly<Record<string, number>> = {
  match: 0,
  "bad-offset": 1,
  fragment: 2,
  short: 3,
  normalize: 4,
  memory: 5,
  "bad-timestamp": 6,
  congestion: 7,
  "ip-option": 8,
  "proto-cksum": 9,
  "state-mismatch": 10,
  "state-insert": 11,
  "state-limit": 12,
  "src-limit": 13,
  synproxy: 14,
  "map-failed": 15,
  "state-locked": 15,
  translate: 15,
  dummynet: 15,
  "no-route": 16,
};

function same(words: string): Record<string, string> {
  return Object.fromEntries(words.split(" ").map((word) => [word, word]));
}
