import { describe, expect, it } from "vitest";
import { fillRing, objectOf } from "../../test/data/small-programs.ts";
import type { MapSpec } from "../object/index.ts";
import { createMap, loadObject, Poller, RingBuffer, testRun } from "./index.ts";

const ring: MapSpec = { name: "ring", type: "ringbuf", keySize: 0, valueSize: 0, maxEntries: 4096 };

describe("ring buffer", () => {
  it("gives every record in order, over many turns of the ring", () => {
    using object = loadObject(objectOf("raw_tracepoint", fillRing(50), [ring]));
    const fd = object.programs.get("probe")?.fd as number;
    using reader = new RingBuffer(object.maps.get("ring")!);
    for (let turn = 0; turn < 40; turn++) {
      expect(testRun(fd).value).toBe(50);
      expect(reader.available()).toBe(50 * 24);
      const seen: bigint[] = [];
      const read = reader.drain((offset, length) => {
        expect(length).toBe(16);
        seen.push(reader.view.getBigUint64(offset, true));
        expect(reader.view.getBigUint64(offset + 8, true)).toBe(7n);
      });
      expect(read).toBe(50);
      expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => BigInt(i)));
    }
    expect(reader.available()).toBe(0);
  });

  it("stops at its limit and goes on from there; a full ring refuses", () => {
    using object = loadObject(objectOf("raw_tracepoint", fillRing(1000), [ring]));
    const fd = object.programs.get("probe")?.fd as number;
    using reader = new RingBuffer(object.maps.get("ring")!);
    const sent = testRun(fd).value;
    expect(sent).toBe(Math.floor(4096 / 24));
    let next = 0n;
    const check = (offset: number): void => expect(reader.view.getBigUint64(offset, true)).toBe(next++) as undefined;
    expect(reader.drain(check, 10)).toBe(10);
    expect(() =>
      reader.drain(() => {
        next++;
        throw new Error("reader");
      }),
    ).toThrow("reader");
    expect(reader.drain(check)).toBe(sent - 11);
  });

  it("wakes a poller, which ends at once when asked", async () => {
    using object = loadObject(objectOf("raw_tracepoint", fillRing(1, 2), [ring]));
    const map = object.maps.get("ring")!;
    using reader = new RingBuffer(map);
    await using poller = new Poller([map.fd]);
    expect(await poller.wait(0)).toEqual([]);
    const waiting = poller.wait(5000);
    poller.wake();
    expect(await waiting).toEqual([]);
    testRun(object.programs.get("probe")?.fd as number);
    expect(await poller.wait(5000)).toEqual([map.fd]);
    expect(reader.drain(() => undefined)).toBe(1);
    expect(await poller.wait(1)).toEqual([]);
  });

  it("can be opened and closed many times", () => {
    for (let i = 0; i < 100; i++) {
      using map = createMap({ ...ring, maxEntries: 65536 });
      using reader = new RingBuffer(map);
      expect(reader.drain(() => undefined)).toBe(0);
    }
  });
});
