// Messages in packets: names asked for, greetings of TLS, first lines of HTTP; whole, cut, and damaged.
import { describe, expect, it } from "vitest";
import { decodePacket, firstHeader, formatPacket, packet } from "./index.ts";

const bytes = (...of: (number | string)[]): Uint8Array =>
  Uint8Array.from(of.flatMap((one) => (typeof one === "number" ? [one] : [...new TextEncoder().encode(one)])));
const line = (data: Uint8Array): string => formatPacket(decodePacket(data));
const udp = (port: number, payload: Uint8Array): Uint8Array =>
  packet().eth().ipv4().udp({ source: 4000, destination: port }).payload(payload).bytes();
const tcp = (port: number, payload: Uint8Array | string): Uint8Array =>
  packet().eth().ipv6().tcp({ source: 4000, destination: port }).payload(payload).bytes();
const word = (number: number): number[] => [number >> 8, number & 255];

const question = bytes(7, "example", 3, "com", 0, 0, 1, 0, 1);
const query = bytes(0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...question);
const answer = bytes(
  ...[0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0, ...question],
  // An alias, then the address of what it stands for, both by pointers.
  ...[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 6, 3, "www", 0xc0, 12],
  ...[0xc0, 41, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 93, 184, 215, 14],
);

function hello(...extensions: number[][]): Uint8Array {
  const all = extensions.flat();
  const body = [3, 3, ...Array(32).fill(7), 0, ...word(2), 0x13, 1, 1, 0, ...word(all.length), ...all];
  return bytes(22, 3, 1, ...word(body.length + 4), 1, 0, ...word(body.length), ...body);
}
const serverName = (name: string): number[] => {
  const text = [...bytes(name)];
  return [...word(0), ...word(text.length + 5), ...word(text.length + 3), 0, ...word(text.length), ...text];
};
const alpn = [...word(16), ...word(5), ...word(3), 2, ...bytes("h2")];
const tls13 = [...word(43), ...word(3), 2, 3, 4];

describe("messages", () => {
  it("of DNS", () => {
    expect(line(udp(53, query))).toMatch(/, udp 4000 > 53, dns query A example\.com, 29 bytes$/);
    expect(line(udp(5353, answer))).toContain("dns answer A example.com: CNAME www.example.com, A 93.184.215.14");
    expect(line(tcp(53, bytes(...word(query.length), ...query)))).toContain("dns query A example.com");
    const refused = Uint8Array.from(answer);
    refused.set([0x81, 0x83, 0, 1, 0, 0], 2);
    expect(line(udp(53, refused))).toContain("dns answer A example.com: no such name");
    expect(decodePacket(udp(53, answer)).message?.fields).toEqual({
      id: 0x1234,
      response: true,
      questions: ["A example.com"],
      result: "no error",
      answers: ["CNAME www.example.com", "A 93.184.215.14"],
    });
    expect(decodePacket(udp(54, query)).message).toBeUndefined();
    // A name that points to itself.
    const circle = Uint8Array.from(query);
    circle.set([0xc0, 12], 12);
    expect(decodePacket(udp(53, circle)).message).toBeUndefined();
    expect(line(udp(53, bytes(...query.subarray(0, 12), 3, "a.b", 0, 0, 1, 0, 1)))).toContain("dns query A a\\.b");
  });

  it("of TLS", () => {
    const { message } = decodePacket(tcp(443, hello(serverName("example.com"), alpn, tls13)));
    expect(message?.text).toBe("ClientHello 1.3 example.com h2");
    expect(message?.fields).toEqual({ version: "1.3", serverName: "example.com", alpn: ["h2"] });
    expect(line(tcp(8443, hello()))).toContain("tls ClientHello 1.2");
    expect(line(tcp(443, hello(serverName("a\x1b[2Jb"))))).toContain("ClientHello 1.2 a\\027[2Jb");
    expect(decodePacket(tcp(443, bytes(23, 3, 3, 0, 1, 0))).message).toBeUndefined();
    // Its end is in the next packet.
    const whole = hello(serverName("example.com"), alpn, tls13);
    expect(decodePacket(tcp(443, whole.subarray(0, whole.length - 3))).message?.fields["serverName"]).toBe(
      "example.com",
    );
  });

  it("of HTTP", () => {
    const request = "GET /a?b=1 HTTP/1.1\r\nAccept: */*\r\nHost: example.com:80\r\n\r\n";
    expect(line(tcp(80, request))).toContain("http GET example.com:80/a?b=1");
    expect(decodePacket(tcp(8080, request)).message?.fields).toEqual({
      method: "GET",
      path: "/a?b=1",
      version: "1.1",
      host: "example.com:80",
    });
    expect(line(tcp(80, "HTTP/1.0 404 Not Found\r\n\r\n"))).toContain("http 404 Not Found");
    expect(decodePacket(tcp(80, "GET it\r\n")).message).toBeUndefined();
  });

  it("end where the packet does, not where the frame does", () => {
    const short = packet().eth().ipv4().udp({ destination: 53 }).bytes();
    const frame = new Uint8Array(60);
    frame.set(short);
    expect(decodePacket(frame).payload).toEqual({ at: 42, length: 0 });
  });

  it("from anywhere never throw", () => {
    let state = 7;
    const random = (below: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % below;
    };
    const samples = [
      udp(53, answer),
      tcp(443, hello(serverName("example.com"), alpn, tls13)),
      tcp(80, "GET / HTTP/1.1\r\n\r\n"),
    ];
    for (let i = 0; i < 20_000; i++) {
      const sample = Uint8Array.from(samples[i % samples.length] as Uint8Array);
      for (let n = random(4); n >= 0; n--) sample[random(sample.length)] = random(256);
      formatPacket(decodePacket(sample.subarray(0, 1 + random(sample.length))));
    }
  });
});

describe("the first header", () => {
  it("is told by the link's type", () => {
    const ip = packet().ipv4().udp().bytes();
    const behind = (...head: number[]): Uint8Array => Uint8Array.from([...head, ...ip]);
    const protocols = (linkType: number, data: Uint8Array): string[] | undefined => {
      const first = firstHeader(linkType, data);
      return first === undefined ? undefined : decodePacket(data, first).headers.map(({ protocol }) => protocol);
    };
    const both = ["ipv4", "udp"];
    expect(protocols(101, ip)).toEqual(both);
    expect(protocols(0, behind(2, 0, 0, 0))).toEqual(both);
    expect(protocols(113, behind(...Array(14).fill(0), 8, 0))).toEqual(both);
    expect(protocols(276, behind(8, 0, ...Array(18).fill(0)))).toEqual(both);
    expect(protocols(9, behind(0xff, 3, 0, 0x21))).toEqual(both);
    expect(protocols(1, packet().eth().arp().bytes())).toEqual(["eth", "arp"]);
    expect(protocols(140, ip)).toBeUndefined();
  });
});
