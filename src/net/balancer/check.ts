// One health check of one server: a connection, a request, a question. What was wrong is a text; undefined: nothing.

import { createSocket } from "node:dgram";
import { request as httpRequest, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { type Health, isFour, type Server, type Service } from "../balance/index.ts";

export interface CheckTarget {
  readonly address: string;
  readonly port: number;
}

/** Where a server is asked. */
export function checkTarget(service: Service, server: Server, health: Health): CheckTarget {
  const own = service.ports === "any" ? 0 : service.ports.from;
  return { address: server.address, port: health.port ?? server.port ?? own };
}

type Done = (failure?: string) => void;

/** Each kind; gives what ends it early. */
const KINDS: Readonly<Record<Health["kind"], (target: CheckTarget, health: Health, done: Done) => () => void>> = {
  tcp: ({ address, port }, _, done) => {
    const socket = connect({ host: address, port });
    socket.on("connect", () => done());
    socket.on("error", (error) => done(said(error)));
    return () => socket.destroy();
  },
  http: (target, health, done) => asked(httpRequest, target, health, done),
  https: (target, health, done) =>
    asked(httpsRequest, target, health, done, {
      rejectUnauthorized: false,
      ...(health.host === undefined ? {} : { servername: health.host }),
    }),
  dns: ({ address, port }, { target }, done) => {
    const socket = createSocket(isFour(address) ? "udp4" : "udp6");
    const id = Math.floor(Math.random() * 65_536);
    socket.on("error", (error) => done(said(error)));
    socket.on("message", (answer) => {
      if (answer.length < 12 || answer.readUInt16BE(0) !== id || ((answer[2] ?? 0) & 0x80) === 0) return;
      const code = (answer[3] ?? 0) & 15;
      done(code === 0 ? undefined : `answered with ${RCODES[code] ?? `code ${code}`}`);
    });
    socket.connect(port, address, () => socket.send(question(id, target)));
    return () => socket.close();
  },
};

/** RFC 1035, 4.1.1 */
const RCODES: Readonly<Record<number, string>> = {
  1: "FORMERR",
  2: "SERVFAIL",
  3: "NXDOMAIN",
  4: "NOTIMP",
  5: "REFUSED",
};

const said = (error: NodeJS.ErrnoException): string => error.code ?? error.message;

function asked(
  request: typeof httpRequest,
  { address, port }: CheckTarget,
  { target, host }: Health,
  done: Done,
  more: object = {},
): () => void {
  const options: RequestOptions = {
    host: address,
    port,
    path: target,
    agent: false,
    headers: {
      host: host ?? (isFour(address) ? address : `[${address}]`),
      "user-agent": "scry-balance",
      connection: "close",
    },
    ...more,
  };
  const asking = request(options, (answer) => {
    const { statusCode = 0 } = answer;
    answer.destroy();
    done(statusCode >= 200 && statusCode < 400 ? undefined : `answered with ${statusCode}`);
  });
  asking.on("error", (error) => done(said(error)));
  asking.end();
  return () => asking.destroy();
}

/** A question for the IPv4 addresses of a name. */
function question(id: number, name: string): Buffer {
  const labels = name.split(".").filter((label) => label !== "");
  const parts = labels.flatMap((label) => [
    Buffer.from([Math.min(63, Buffer.byteLength(label))]),
    Buffer.from(label).subarray(0, 63),
  ]);
  return Buffer.concat([
    Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    ...parts,
    Buffer.from([0, 0, 1, 0, 1]),
  ]);
}

/** Checks once. Never throws. */
export function check(target: CheckTarget, health: Health): Promise<string | undefined> {
  return new Promise((resolve) => {
    let end = (): void => undefined;
    let ended = false;
    const done: Done = (failure) => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      // What it has opened may be what has called.
      setImmediate(() => end());
      resolve(failure);
    };
    const timer = setTimeout(() => done(`no answer in ${health.timeout} s`), health.timeout * 1000);
    try {
      end = KINDS[health.kind](target, health, done);
    } catch (error) {
      done(said(error as NodeJS.ErrnoException));
    }
  });
}
