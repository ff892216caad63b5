// Texts in memory, as they are read again and again: names of threads, paths. The words of a text are compared with those of one
// that was read before, which costs a tenth of making the same text anew.

/** Texts that are kept, of each place. */
const SLOTS = 64;
/** Bytes of texts that are kept. */
export const MOST_KEPT = 64;

/** `count`: bytes of the place, a multiple of 4 up to `MOST_KEPT`; `decode` makes the text. */
export function keptTexts(
  count: number,
  decode: (view: DataView, at: number) => string,
): (view: DataView, at: number) => string {
  const words = count >> 2;
  let kept: Uint32Array | undefined;
  // What is zero at first is the empty text.
  const texts: string[] = [];
  return (view, at) => {
    kept ??= new Uint32Array(SLOTS * words);
    let hash = 0;
    for (let i = 0; i < count; i += 4) hash = (Math.imul(hash, 31) + view.getUint32(at + i, true)) | 0;
    hash ^= hash >>> 15;
    const slot = (hash ^ (hash >>> 7)) & (SLOTS - 1);
    const from = slot * words;
    let i = 0;
    while (i < words && kept[from + i] === view.getUint32(at + i * 4, true)) i++;
    if (i === words) return texts[slot] ?? "";
    const text = decode(view, at);
    for (i = 0; i < words; i++) kept[from + i] = view.getUint32(at + i * 4, true);
    texts[slot] = text;
    return text;
  };
}
