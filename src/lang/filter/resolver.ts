// Names that a filter speaks of, looked up by whoever compiles it; those below are known without a look-up.

/** What names stand for; a function that is absent, or answers undefined, knows none. */
export interface Resolver {
  /** `tcp` → 6 */
  readonly protocol?: (name: string) => number | undefined;
  /** `ssh` → 22, and which protocols have it. */
  readonly service?: (
    name: string,
  ) => { readonly port: number; readonly protocol?: "tcp" | "udp" | "sctp" } | undefined;
  /** Addresses of a host: of IPv4 one number, of IPv6 four. */
  readonly host?: (name: string) => readonly (number | readonly number[])[] | undefined;
  /** A network of IPv4, by its number, and how many of its bits count. */
  readonly network?: (name: string) => { readonly address: number; readonly bits: number } | undefined;
  /** The six bytes of a MAC address. */
  readonly ether?: (name: string) => readonly number[] | undefined;
}

const pairs = (text: string): ReadonlyMap<string, number> =>
  new Map(
    text.split(" ").map((pair) => {
      const [name, number] = pair.split("=") as [string, string];
      return [name, Number(number)];
    }),
  );

/** IANA's names of protocols above IP that people filter by. */
export const PROTOCOL_NUMBERS: ReadonlyMap<string, number> = pairs(
  "ip=0 hopopt=0 icmp=1 igmp=2 ggp=3 ipencap=4 st=5 tcp=6 egp=8 igp=9 pup=12 udp=17 hmp=20 xns-idp=22 rdp=27 iso-tp4=29 dccp=33 xtp=36 ddp=37 idpr-cmtp=38 ipv6=41 ipv6-route=43 ipv6-frag=44 idrp=45 rsvp=46 gre=47 esp=50 ah=51 skip=57 ipv6-icmp=58 icmp6=58 ipv6-nonxt=59 ipv6-opts=60 rspf=73 vmtp=81 eigrp=88 ospf=89 ax.25=93 ipip=94 etherip=97 encap=98 pim=103 ipcomp=108 vrrp=112 l2tp=115 isis=124 sctp=132 fc=133 mobility-header=135 udplite=136 mpls-in-ip=137 manet=138 shim6=139 wesp=140 rohc=141",
);

/** Services by their usual ports. */
export const SERVICE_PORTS: ReadonlyMap<string, number> = pairs(
  "echo=7 discard=9 daytime=13 ftp-data=20 ftp=21 ssh=22 telnet=23 smtp=25 time=37 whois=43 tacacs=49 domain=53 bootps=67 bootpc=68 tftp=69 gopher=70 finger=79 http=80 kerberos=88 pop3=110 sunrpc=111 nntp=119 ntp=123 netbios-ns=137 netbios-dgm=138 netbios-ssn=139 imap2=143 snmp=161 snmp-trap=162 bgp=179 irc=194 ldap=389 https=443 microsoft-ds=445 isakmp=500 login=513 shell=514 syslog=514 printer=515 route=520 ipp=631 ldaps=636 domain-s=853 rsync=873 imaps=993 pop3s=995 socks=1080 openvpn=1194 ms-sql-s=1433 l2f=1701 radius=1812 radius-acct=1813 nfs=2049 mysql=3306 ipsec-nat-t=4500 sip=5060 sip-tls=5061 xmpp-client=5222 mdns=5353 postgresql=5432 amqp=5672 x11=6000 redis=6379 http-alt=8080",
);

/** What is known without asking. */
export const STANDARD_NAMES: Resolver = {
  protocol: (name) => PROTOCOL_NUMBERS.get(name),
  service: (name) => {
    const port = SERVICE_PORTS.get(name);
    return port === undefined ? undefined : { port };
  },
};
