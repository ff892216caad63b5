// Libraries within a zip archive (an application's package), as the kernel maps them: a member that is stored, not
// compressed, is a run of the archive's bytes. PKWARE's APPNOTE 4.3; the way to write it, `x.zip!/lib/y.so`, is libbpf's.
//
//     [local header, name, extra, data]…   [central directory: one entry a member]   [end of it, comment]

import { ByteReader, type FormatError } from "../source/index.ts";

export interface ArchiveMember {
  readonly name: string;
  /** Its first byte, from the start of the archive. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** Reads bytes of the archive; fewer where it ends. */
export type ReadArchive = (offset: number, size: number) => Uint8Array;

const END = 0x06054b50;
const END_SIZE = 22;
const ENTRY = 0x02014b50;
const ENTRY_SIZE = 46;
const LOCAL = 0x04034b50;
const LOCAL_SIZE = 30;
/** A comment of so many bytes may follow the end of the directory. */
const MOST_COMMENT = 0xffff;
/** Directories larger than this are not read: 200,000 members have less. */
const MOST_DIRECTORY = 32 << 20;

/** The members that are stored as they are. Throws FormatError for what is no archive, is damaged, or is of the 64-bit form. */
export function archiveMembers(read: ReadArchive, size: number): ArchiveMember[] {
  const tailSize = Math.min(size, END_SIZE + MOST_COMMENT);
  const tailStart = size - tailSize;
  const tail = new ByteReader(read(tailStart, tailSize), "zip archive");
  let end = tailSize - END_SIZE;
  while (end >= 0 && tail.seek(end).u32() !== END) end--;
  if (end < 0) throw tail.damage("it is none", 0);
  const count = tail.seek(end + 10).u16();
  const bytes = tail.u32();
  const start = tail.u32();
  if (start === 0xffffffff || count === 0xffff) throw tail.damage("archives of the 64-bit form are not read", end);
  if (bytes > MOST_DIRECTORY || start + bytes > size)
    throw tail.damage("its directory goes beyond its end", tailStart + end);
  const directory = new ByteReader(read(start, bytes), "the directory of a zip archive");
  const members: ArchiveMember[] = [];
  for (let i = 0, at = 0; i < count; i++) {
    if (directory.seek(at).u32() !== ENTRY) throw directory.damage("an entry that is none", at);
    const method = directory.seek(at + 10).u16();
    const length = directory.seek(at + 24).u32();
    const [name, extra, comment] = [directory.seek(at + 28).u16(), directory.u16(), directory.u16()];
    const local = directory.seek(at + 42).u32();
    const text = new TextDecoder().decode(directory.seek(at + ENTRY_SIZE).block(name));
    if (method === 0 && length > 0) members.push({ name: text, offset: dataOf(read, local, size), size: length });
    at += ENTRY_SIZE + name + extra + comment;
  }
  const beyond = members.find((m) => m.offset + m.size > size);
  if (beyond !== undefined) throw damaged(`${beyond.name} goes beyond the end`, beyond.offset);
  return members;
}

/** The data follow the local header, whose name and extra field are as long as it says itself. */
function dataOf(read: ReadArchive, at: number, size: number): number {
  if (at + LOCAL_SIZE > size) throw damaged("a member goes beyond the end", at);
  const header = new ByteReader(read(at, LOCAL_SIZE), "zip archive");
  if (header.u32() !== LOCAL) throw damaged("a member that is none", at);
  const name = header.seek(26).u16();
  return at + LOCAL_SIZE + name + header.u16();
}

const damaged = (reason: string, offset: number): FormatError =>
  new ByteReader(new Uint8Array(0), "zip archive").damage(reason, offset);
