// The kernel's ticks in seconds. How many there are in one (CONFIG_HZ: 100, 250, 300, 1000) it does not say: they are counted.

/** Seconds after which the rate is known well enough. */
const ENOUGH = 0.5;
const RATES = [100, 250, 300, 1000];

export class TickClock {
  readonly #read: () => number;
  readonly #first: number;
  readonly #started = performance.now();
  #rate: number | undefined;

  constructor(read: () => number) {
    this.#read = read;
    this.#first = read();
  }

  /** Ticks now, 32 bits of them. */
  now(): number {
    const ticks = this.#read();
    const seconds = (performance.now() - this.#started) / 1000;
    if (this.#rate === undefined && seconds > ENOUGH) {
      const counted = ((ticks - this.#first) >>> 0) / seconds;
      const nearest = [...RATES].sort((a, b) => Math.abs(Math.log(a / counted)) - Math.abs(Math.log(b / counted)));
      this.#rate = nearest[0] as number;
    }
    return ticks;
  }

  /** As long as the rate is not known it is the highest: what is new is not taken for old. */
  seconds(ticks: number): number {
    return ticks / (this.#rate ?? Math.max(...RATES));
  }
}
