// The session as a library: a script runs while the program that started it goes on, and its events arrive as data.

import { compileScript } from "./lang/trace/index.ts";
import type { CompiledScript } from "./schema/index.ts";
import { groupFolder, liveEnvironment, RunningScript } from "./session/index.ts";
import type { SourceText } from "./source/index.ts";
import {
  eventReader,
  mapOf,
  systemTime,
  type TraceEnd,
  type TraceEvent,
  type TraceMap,
  type TraceMaps,
} from "./trace-events.ts";

export type { TraceEnd, TraceEvent, TraceMap, TraceMaps };

export interface TraceOptions {
  /** Positional parameters, `$1` first. */
  readonly params?: readonly (string | number)[];
  /** Only this process. */
  readonly pid?: number;
  /** Also all that this process starts, and has started (with `pid`). */
  readonly follow?: boolean;
  /** Only tasks of this control group (cgroup2) and those below it: a path, or a folder's name. */
  readonly cgroup?: string;
  /** Allow functions with effects on the system (`signal`). */
  readonly unsafe?: boolean;
  /** Bytes of the event ring: a power of two, at least 4096. 16 MiB unless said otherwise. */
  readonly ringBytes?: number;
  /** What messages call the script. */
  readonly name?: string;
  /** Ends the session when aborted. */
  readonly signal?: AbortSignal;
  /** Events that may wait to be read before further ones are dropped and counted. 1,000,000 unless said otherwise. */
  readonly maxWaiting?: number;
}

export interface TraceSession extends AsyncDisposable {
  /** What the script sends, until it ends. */
  readonly events: AsyncIterable<TraceEvent>;
  readonly maps: TraceMaps;
  /** Settles when the script has ended, by itself or by `stop`. */
  readonly ended: Promise<TraceEnd>;
  /** Ends the script: `end` probes run, everything is detached. */
  stop(): Promise<TraceEnd>;
}

/**
 * Runs a script on the live kernel; settles once all its probes are attached.
 *
 * Throws DiagnosticError for a script that is wrong, SystemCallError and UnsupportedError where the kernel does not let
 * us. Needs root, or CAP_BPF, CAP_PERFMON and CAP_DAC_READ_SEARCH.
 */
export async function trace(source: string, options: TraceOptions = {}): Promise<TraceSession> {
  const text: SourceText = { name: options.name ?? "script", text: source };
  const env = liveEnvironment({
    params: (options.params ?? []).map(String),
    unsafe: options.unsafe ?? false,
    ...(options.pid === undefined ? {} : { pid: options.pid }),
    ...(options.pid !== undefined && options.follow === true ? { follow: true } : {}),
    ...(options.cgroup === undefined ? {} : { cgroup: groupFolder({ cgroup: options.cgroup }) }),
  });
  const script = compileScript(text, env, { ringBytes: options.ringBytes ?? 1 << 24 });
  const queue = new EventQueue(options.maxWaiting ?? 1_000_000);
  const printers: ((view: DataView, bytes: Uint8Array, offset: number) => TraceEvent)[] = [];
  const running = new RunningScript(script, {
    record: (site, view, bytes, offset) => {
      let read = printers[site.id];
      if (read === undefined) printers[site.id] = read = eventReader(site, running.resolver, systemTime);
      queue.push(read(view, bytes, offset));
    },
    printMap: (contents, top, div) =>
      queue.push({ kind: "map", name: contents.map.name, map: mapOf(contents), top, div }),
    lost: (count) => queue.push({ kind: "lost", count }),
    warning: (message) => queue.push({ kind: "warning", message }),
    pause: () => {},
  });
  try {
    if (!running.begin()) running.attach();
  } catch (error) {
    await running.close();
    throw error;
  }
  return follow(script, running, queue, options.signal);
}

function follow(
  script: CompiledScript,
  running: RunningScript,
  queue: EventQueue,
  signal: AbortSignal | undefined,
): TraceSession {
  let final: Map<string, TraceMap> | undefined;
  const stop = (): void => running.stop();
  signal?.addEventListener("abort", stop, { once: true });
  const ended = (async (): Promise<TraceEnd> => {
    try {
      await running.run();
      const end = running.finish();
      final = new Map(script.maps.map((m) => [m.name, mapOf(running.map(m.name))]));
      return end;
    } finally {
      signal?.removeEventListener("abort", stop);
      queue.end();
      await running.close();
    }
  })();
  // Whoever does not ask how it ended must not be ended by it.
  ended.catch(() => undefined);
  return {
    events: queue,
    ended,
    maps: {
      names: () => script.maps.map((m) => m.name),
      get: (name) => {
        const kept = final?.get(name);
        if (kept !== undefined) return kept;
        if (final !== undefined) throw new RangeError(`the script has no map ${name}`);
        return mapOf(running.map(name));
      },
    },
    stop: () => {
      stop();
      return ended;
    },
    [Symbol.asyncDispose]: async () => {
      stop();
      await ended.catch(() => undefined);
    },
  };
}

/** Events between the reader of the rings and whoever iterates. */
class EventQueue implements AsyncIterable<TraceEvent> {
  #events: TraceEvent[] = [];
  #next = 0;
  #dropped = 0;
  #ended = false;
  readonly #most: number;
  #wake: (() => void) | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  push(event: TraceEvent): void {
    if (this.#events.length - this.#next >= this.#most) {
      this.#dropped++;
      return;
    }
    if (this.#dropped > 0) {
      this.#events.push({ kind: "lost", count: this.#dropped });
      this.#dropped = 0;
    }
    this.#events.push(event);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    if (this.#dropped > 0) this.#events.push({ kind: "lost", count: this.#dropped });
    this.#dropped = 0;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TraceEvent> {
    for (;;) {
      while (this.#next < this.#events.length) {
        const event = this.#events[this.#next++] as TraceEvent;
        if (this.#next >= 4096) {
          this.#events = this.#events.slice(this.#next);
          this.#next = 0;
        }
        yield event;
      }
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}
