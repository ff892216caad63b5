// What the records of a ring are, where nobody says it: a struct of the object's own that is as long as they are.

import { type Btf, type ValueCodec, valueCodec } from "../../btf/index.ts";
import type { ObjectMap } from "../../loader/index.ts";
import { FormatError } from "../../source/index.ts";
import { UsageError } from "../options.ts";
import { kernelTypes } from "./generate.ts";
import type { HeaderTypes } from "./header-types.ts";

/** A record of which no more is known than its bytes. */
export interface ReadRecord {
  /** The struct; absent: bytes. */
  readonly type?: string;
  readonly value: unknown;
}

interface Candidate {
  readonly name: string;
  readonly codec: ValueCodec;
  readonly present?: ((value: unknown) => unknown) | undefined;
}

/** Reads the records of a map. `type`: the struct that the user says they are; `headers`: where it may be, too. */
export function recordReader(
  object: Btf | undefined,
  map: ObjectMap,
  type: string | undefined,
  headers: HeaderTypes | undefined,
): (bytes: Uint8Array) => ReadRecord {
  const inHeaders = type !== undefined && headers?.btf.find(type, ["struct", "union", "typedef"]) !== undefined;
  const btf = inHeaders ? headers?.btf : object;
  if (btf === undefined) {
    if (type !== undefined) throw new UsageError(`--type ${map.name}=${type}: the object has no types`, []);
    return (bytes) => ({ value: bytes.slice() });
  }
  const said = type === undefined ? map.spec.recordType : btf.find(type, ["struct", "union", "typedef"]);
  if (type !== undefined && said === undefined)
    throw new UsageError(
      `--type ${map.name}=${type}: neither the object's types nor a header has a struct ${type}`,
      [],
    );
  const padded = map.type === "perf_event_array";
  const present = said === undefined || btf !== object ? undefined : map.presentation(said);
  const named =
    said === undefined ? undefined : { name: btf.resolve(said).name, codec: valueCodec(btf, said), present };
  const known = new Map<number, Candidate | undefined>();
  let all: readonly Candidate[] | undefined;
  return (bytes) => {
    if (named !== undefined) return decoded(named, bytes);
    if (!known.has(bytes.length))
      known.set(bytes.length, best((all ??= [...ofHeaders(headers), ...candidates(btf)]), bytes.length, padded));
    const found = known.get(bytes.length);
    return found === undefined ? { value: bytes.slice() } : decoded(found, bytes);
  };
}

function decoded({ name, codec, present = (value) => value }: Candidate, bytes: Uint8Array): ReadRecord {
  const whole = bytes.length >= codec.size ? bytes : new Uint8Array(codec.size);
  if (whole !== bytes) whole.set(bytes);
  const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength);
  return { type: name, value: present(codec.decode(view, 0, whole.length)) };
}

function ofHeaders(headers: HeaderTypes | undefined): Candidate[] {
  return (headers?.names ?? []).flatMap((name) => {
    const id = headers?.btf.find(name, "struct");
    return headers === undefined || id === undefined ? [] : [{ name, codec: valueCodec(headers.btf, id) }];
  });
}

/** Structs that are not the kernel's, or are called as events are. */
function candidates(btf: Btf): Candidate[] {
  const isKernelType = kernelTypes();
  const found: Candidate[] = [];
  for (const { id, name } of btf.findAll(/^(?!__bpf_usdt)/, ["struct"])) {
    if (!LIKELY.test(name) && (isKernelType === undefined || isKernelType(name))) continue;
    try {
      found.push({ name, codec: valueCodec(btf, id) });
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
    }
  }
  return found;
}

const LIKELY = /event|record|(?:^|_)data(?:_t)?$|_info$|sample|message/;

/** The one that fits; of several that which is called as events are, if only one is. */
function best(all: readonly Candidate[], length: number, padded: boolean): Candidate | undefined {
  const fits = all.filter(
    ({ codec: { size } }) => size > 0 && (padded ? size <= length && length < size + 8 : size === length),
  );
  if (fits.length <= 1) return fits[0];
  const likely = fits.filter(({ name }) => LIKELY.test(name));
  return likely.length === 1 ? likely[0] : undefined;
}
