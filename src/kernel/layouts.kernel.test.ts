import { describe, expect, it } from "vitest";
import { kernelBtf } from "./kernel-types.ts";
import * as layouts from "./layouts.ts";
import { type Layout, placesOf, sizeOf } from "./struct.ts";

const btf = kernelBtf();

/**
 * `field@offset:size` of all fields of a layout that are not structs, and of the kernel's struct that it stands for. A
 * field of bits is taken to be as large as ours.
 */
function compare(
  layout: Layout,
  type: number,
  renamed: Readonly<Record<string, string>>,
): { ours: string[]; theirs: string[] } {
  const ours: string[] = [];
  const theirs: string[] = [];
  const walk = (inner: Layout, base: number, path: readonly string[]): void => {
    for (const [name, place] of placesOf(inner).places) {
      if (typeof place.type !== "string") {
        walk(place.type, base + place.offset, [...path, name]);
        continue;
      }
      const real = [...path, ...(renamed[name] ?? name).split(".")];
      const field = btf.field(type, real);
      ours.push(`${real.join(".")}@${base + place.offset}:${place.size}`);
      theirs.push(
        field === undefined
          ? `${real.join(".")} is missing`
          : `${real.join(".")}@${field.bitOffset >> 3}:${field.bitfieldSize === 0 ? btf.sizeof(field.type) : place.size}`,
      );
    }
  };
  walk(layout, 0, []);
  return { ours, theirs };
}

describe("layouts are those of the running kernel", () => {
  const attr = btf.find("bpf_attr", "union") as number;
  // `union bpf_attr` has a struct for each command, most of them without a name: that which has all fields at their places is meant.
  for (const [command, layout] of Object.entries(layouts.bpfAttr) as [string, Layout][])
    it(`union bpf_attr of ${command}`, () => {
      const compared = btf.members(attr).flatMap(({ type }) => {
        const { kind } = btf.resolve(type);
        return kind === "struct" ? [compare(layout, type, {})] : [];
      });
      const same = compared.filter(({ ours, theirs }) => ours.join() === theirs.join());
      expect(same, JSON.stringify(compared)).not.toEqual([]);
    });

  const none = {};
  it.each([
    ["bpf_prog_info", layouts.bpfProgInfo, none],
    ["bpf_btf_info", layouts.bpfBtfInfo, none],
    ["bpf_map_info", layouts.bpfMapInfo, none],
    ["bpf_link_info", layouts.bpfLinkInfo, none],
    ["bpf_func_info", layouts.bpfFuncInfo, none],
    ["perf_event_attr", layouts.perfEventAttr, { bits: "disabled" }],
    ["nlmsghdr", layouts.nlmsghdr, none],
    ["nlmsgerr", layouts.nlmsgerr, none],
    ["nlattr", layouts.nlattr, none],
    ["tcmsg", layouts.tcmsg, none],
    ["tpacket_req3", layouts.tpacketReq3, none],
    ["sockaddr_ll", layouts.sockaddrLl, none],
    ["sock_fprog", layouts.sockFprog, none],
  ] as const)("struct %s", (name, layout, renamed) => {
    const { ours, theirs } = compare(layout, btf.find(name, "struct") as number, renamed);
    expect(ours).toEqual(theirs);
  });

  it("struct epoll_event", () => {
    const type = btf.find("epoll_event", "struct") as number;
    const layout = process.arch === "x64" ? layouts.epollEventPacked : layouts.epollEvent;
    expect(sizeOf(layout)).toBe(btf.sizeof(type));
    expect(placesOf(layout).places.get("fd")?.offset).toBe((btf.field(type, "data")?.bitOffset as number) / 8);
  });

  it("struct ifreq", () => {
    const type = btf.find("ifreq", "struct") as number;
    expect(sizeOf(layouts.ifreq)).toBe(btf.sizeof(type));
    expect(placesOf(layouts.ifreq).places.get("ifr_ifindex")?.offset).toBe(16);
  });
});
