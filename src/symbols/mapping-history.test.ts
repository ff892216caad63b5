import { describe, expect, it } from "vitest";
import { MappingHistory, type TaskRecord, taskRecord } from "./mapping-history.ts";

/** As the kernel writes it, the time last. */
function record(
  type: number,
  misc: number,
  body: readonly (readonly [bytes: 4 | 8, value: number])[],
  name = "",
): DataView {
  const text = name === "" ? 0 : Math.ceil((name.length + 1) / 8) * 8;
  const size = 8 + body.reduce((sum, [bytes]) => sum + bytes, 0) + text + 8;
  const view = new DataView(new ArrayBuffer(size));
  view.setUint32(0, type, true);
  view.setUint16(4, misc, true);
  view.setUint16(6, size, true);
  let at = 8;
  for (const [bytes, value] of body) {
    if (bytes === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += bytes;
  }
  new Uint8Array(view.buffer).set(new TextEncoder().encode(name), at);
  view.setBigUint64(size - 8, 77n, true);
  return view;
}
const mmap = (pid: number, start: number, name: string): DataView =>
  record(
    10,
    2,
    [
      [4, pid],
      [4, pid],
      [8, start],
      [8, 0x1000],
      [8, 0x2000],
      [4, 8],
      [4, 1],
      [8, 42],
      [8, 0],
      [4, 5],
      [4, 2],
    ],
    name,
  );
const fork = (pid: number, parent: number): DataView =>
  record(7, 0, [
    [4, pid],
    [4, parent],
    [4, pid],
    [4, parent],
    [8, 0],
  ]);
const exec = (pid: number): DataView =>
  record(
    3,
    1 << 13,
    [
      [4, pid],
      [4, pid],
    ],
    "name",
  );

describe("taskRecord", () => {
  it("reads what the kernel writes", () => {
    expect(taskRecord(mmap(7, 0x400000, "/bin/a"))).toEqual({
      kind: "map",
      time: 77n,
      pid: 7,
      mapping: {
        start: 0x400000n,
        end: 0x401000n,
        permissions: "r-xp",
        offset: 0x2000,
        device: "08:01",
        inode: 42,
        path: "/bin/a",
        deleted: false,
      },
    });
    expect(taskRecord(fork(8, 7))).toEqual({ kind: "fork", time: 77n, pid: 8, parent: 7 });
    expect(taskRecord(exec(8))).toEqual({ kind: "exec", time: 77n, pid: 8 });
  });
  it("passes over threads, new names without exec, code without a file's name, and all else", () => {
    expect(taskRecord(fork(7, 7))).toBeUndefined();
    expect(
      taskRecord(
        record(
          3,
          0,
          [
            [4, 7],
            [4, 7],
          ],
          "name",
        ),
      ),
    ).toBeUndefined();
    expect(
      taskRecord(
        record(4, 0, [
          [4, 7],
          [4, 1],
          [4, 8],
          [4, 7],
          [8, 0],
        ]),
      ),
    ).toBeUndefined();
    expect(taskRecord(mmap(7, 0, "//anon"))).toMatchObject({ mapping: { path: "" } });
    expect(taskRecord(mmap(7, 0, "/tmp/a (deleted)"))).toMatchObject({ mapping: { path: "/tmp/a", deleted: true } });
  });
});

describe("MappingHistory", () => {
  const add = (history: MappingHistory, ...records: DataView[]): void => {
    for (const view of records) history.add(taskRecord(view) as TaskRecord);
  };
  const path = (history: MappingHistory, pid: number, address: number): string | undefined =>
    history.find(pid, BigInt(address))?.path;

  it("knows what a process has mapped, the newest first", () => {
    const history = new MappingHistory(() => undefined);
    add(history, mmap(7, 0x1000, "/bin/a"), mmap(7, 0x9000, "/lib/b"));
    expect(path(history, 7, 0x1fff)).toBe("/bin/a");
    expect(path(history, 7, 0x2000)).toBeUndefined();
    add(history, mmap(7, 0x1000, "/bin/c"));
    expect(path(history, 7, 0x1000)).toBe("/bin/c");
    expect(path(history, 8, 0x1000)).toBeUndefined();
  });

  it("gives a child what its parent has, until it becomes another program", () => {
    const history = new MappingHistory(() => undefined);
    add(history, mmap(7, 0x1000, "/bin/a"), fork(8, 7), mmap(7, 0x5000, "/lib/late"));
    expect(path(history, 8, 0x1000)).toBe("/bin/a");
    expect(path(history, 8, 0x5000)).toBeUndefined();
    add(history, exec(8), mmap(8, 0x1000, "/bin/b"));
    expect(path(history, 8, 0x1000)).toBe("/bin/b");
    // What it did before may still be asked for.
    add(history, exec(8));
    expect(path(history, 8, 0x1000)).toBe("/bin/b");
    expect(path(history, 7, 0x1000)).toBe("/bin/a");
  });

  it("reads the maps of those that were there before", () => {
    const asked: number[] = [];
    const history = new MappingHistory((pid) => {
      asked.push(pid);
      return pid === 7
        ? "1000-2000 r-xp 00000000 08:01 42 /bin/a\n3000-4000 rw-p 00000000 08:01 42 /bin/a\n"
        : undefined;
    });
    history.remember(7);
    history.remember(7);
    history.remember(9);
    expect(path(history, 7, 0x1000)).toBe("/bin/a");
    expect(path(history, 7, 0x3000)).toBeUndefined();
    add(history, fork(8, 7));
    expect(path(history, 8, 0x1000)).toBe("/bin/a");
    expect(asked).toEqual([7, 9]);
  });
});

it("forgets the processes that ended first, not those that live", () => {
  const history = new MappingHistory(() => undefined);
  const mapping = {
    start: 0x1000n,
    end: 0x2000n,
    permissions: "r-xp",
    offset: 0,
    device: "08:01",
    inode: 1,
    path: "/x",
    deleted: false,
  };
  history.add({ kind: "map", time: 0n, pid: 1, mapping });
  for (let pid = 2; pid < 20_000; pid++) {
    history.add({ kind: "fork", time: 0n, pid, parent: 1 });
    history.add({ kind: "exit", time: 0n, pid });
  }
  expect(history.size).toBeLessThan(5000);
  expect(history.find(1, 0x1000n)).toBe(mapping);
  expect(history.find(19_999, 0x1000n)).toBe(mapping);
  expect(history.find(2, 0x1000n)).toBeUndefined();
});
