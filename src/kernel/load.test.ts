import { describe, expect, it } from "vitest";
import { count, counters, objectOf } from "../../test/data/small-programs.ts";
import { type Failing, FakeKernel } from "../../test/support/fake-kernel.ts";
import type { BpfObject } from "../object/index.ts";
import { SystemCallError } from "./errors.ts";
import { loadObject, loadObjectParallel } from "./load.ts";
import { Poller } from "./poller.ts";
import { openPacketSocket } from "./sockets.ts";
import { testRun } from "./test-run.ts";

const files = { "/sys/devices/system/cpu/possible": "0-1\n" };
const fake = (failing?: Failing): FakeKernel =>
  new FakeKernel({ files, ...(failing === undefined ? {} : { failing }) });

const source = { name: "a.bt", text: "begin { count() }" };
const object: BpfObject = {
  ...objectOf(
    "kprobe",
    count(false).map((instruction) => ({ ...instruction, span: { start: 8, end: 15 } })),
    [
      counters,
      {
        name: "constants",
        type: "array",
        keySize: 4,
        valueSize: 8,
        maxEntries: 1,
        flags: 1 << 7,
        initial: new Uint8Array(8).fill(1),
      },
    ],
  ),
  source,
};

describe("loading", () => {
  it("makes the types, the maps, then the programs", () => {
    const machine = fake();
    const loaded = loadObject(object, {}, machine.kernel);
    expect(machine.said()).toEqual([
      expect.stringMatching(/^bpf\(BTF_LOAD, btf=…, btf_size=\d+\) = 10$/),
      'bpf(MAP_CREATE, map_type=2, key_size=4, value_size=64, max_entries=1, map_flags=1024, map_name="counters") = 11',
      'bpf(MAP_CREATE, map_type=2, key_size=4, value_size=8, max_entries=1, map_flags=128, map_name="constants") = 12',
      "bpf(MAP_UPDATE_ELEM, map_fd=12, key=…, value=…) = 0",
      "bpf(MAP_FREEZE, map_fd=12) = 0",
      'bpf(PROG_LOAD, prog_type=2, insn_cnt=7, insns=…, license="GPL", prog_name="probe", prog_btf_fd=10, func_info_rec_size=8, func_info=…, func_info_cnt=1, line_info_rec_size=16, line_info=…, line_info_cnt=1) = 13',
      "close(10)",
    ]);
    loaded.close();
    expect(machine.said()).toEqual(["close(13)", "close(11)", "close(12)"]);
  });

  it("for a card asks with the number of its interface, and tells it no types", () => {
    const machine = fake();
    const typed = { ...object, maps: object.maps.map((map) => ({ ...map, keyType: 1, valueType: 1 })) };
    loadObject(typed, { offload: 7 }, machine.kernel).close();
    const asked = machine.said().filter((call) => /^bpf\((?:MAP_CREATE|PROG_LOAD)/.test(call));
    expect(asked).toEqual([
      expect.stringContaining("map_ifindex=7"),
      expect.stringContaining("map_ifindex=7"),
      expect.stringContaining("prog_ifindex=7"),
    ]);
    expect(asked.join()).not.toContain("btf_key_type_id");
  });

  it("asks for the verifier's log only when it says no", () => {
    const machine = fake((call) => (call.startsWith("bpf(PROG_LOAD") ? "EACCES" : undefined));
    expect(() => loadObject(object, {}, machine.kernel)).toThrow(SystemCallError);
    expect(machine.said().filter((call) => call.startsWith("bpf(PROG_LOAD"))).toEqual([
      expect.not.stringContaining("log_buf"),
      expect.stringContaining("log_level=1, log_size=16777216, log_buf=…"),
    ]);
  });

  it("asks again without the trace where the log has no room, which old kernels take for a failure of its own", () => {
    let loads = 0;
    const errors = ["E2BIG", "ENOSPC", "E2BIG"] as const;
    const machine = fake((call) => (call.startsWith("bpf(PROG_LOAD") ? errors[loads++] : undefined));
    expect(() => loadObject(object, {}, machine.kernel)).toThrow("E2BIG");
    expect(machine.said().filter((call) => call.startsWith("bpf(PROG_LOAD"))[2]).toContain("log_level=4");
  });

  it("lifts the limit of locked memory once for each kernel, where that is what is missing", () => {
    for (let i = 0; i < 2; i++) {
      const machine = fake((call) => (call.startsWith("bpf(MAP_CREATE") ? "EPERM" : undefined));
      for (let again = 0; again < 2; again++) expect(() => loadObject(object, {}, machine.kernel)).toThrow("EPERM");
      expect(machine.said().filter((call) => call.startsWith("prlimit64"))).toHaveLength(1);
    }
  });
});

it("a program is run by the fields of BPF_PROG_TEST_RUN", () => {
  const machine = fake();
  testRun(3, { data: new Uint8Array(14), repeat: 9 }, machine.kernel);
  testRun(3, { context: new Uint8Array(16), cpu: 1 }, machine.kernel);
  expect(machine.said()).toEqual([
    "bpf(PROG_TEST_RUN, prog_fd=3, data_size_in=14, data_size_out=270, data_in=…, data_out=…, repeat=9) = 0",
    "bpf(PROG_TEST_RUN, prog_fd=3, ctx_size_in=16, ctx_in=…, flags=1, cpu=1) = 0",
  ]);
});

describe("whichever call fails, nothing stays open after", () => {
  it.each<[string, (machine: FakeKernel) => unknown]>([
    ["loading", ({ kernel }) => loadObject(object, {}, kernel).close()],
    ["loading side by side", async ({ kernel }) => (await loadObjectParallel(object, {}, kernel)).close()],
    ["waiting", ({ kernel }) => new Poller([3, 4], kernel).close()],
    ["a packet socket", ({ kernel }) => openPacketSocket({ interface: "eth0", netns: "/run/netns/a" }, kernel).close()],
  ])("%s", async (_, act) => {
    for (let failing = 0; ; failing++) {
      let failed: string | undefined;
      const machine = fake((call, count) => {
        if (count === failing) failed = call;
        return count === failing ? "EINVAL" : undefined;
      });
      try {
        await act(machine);
      } catch (error) {
        expect(error, failed).toBeInstanceOf(SystemCallError);
      }
      expect([...machine.open], failed).toEqual([]);
      expect(machine.log.filter((line) => line.includes("not open"))).toEqual([]);
      if (failed === undefined) break;
    }
  });
});
