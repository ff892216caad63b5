// What a running balancer can be asked by other processes of root: a socket of the file system, a line of JSON each way.

import { chmodSync, mkdirSync, rmSync, statSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";

/** Below which the sockets of running balancers are. */
const FOLDER = "/run/scry";
/** Of a question; what is longer is of somebody else. */
const LONGEST = 65_536;

/** The socket of the balancer at an interface of this network namespace. */
export const controlPath = (device: string): string =>
  `${FOLDER}/balance-${statSync("/proc/self/ns/net").ino}-${device}.sock`;

export type Answerer = (question: unknown) => unknown | Promise<unknown>;

/** Answers until it is closed. What the answerer throws is said to who asked. Throws a system error where it cannot listen. */
export async function serveControl(path: string, answer: Answerer): Promise<Server> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // One that was left by a balancer that was killed; no other can be at this interface now.
  rmSync(path, { force: true });
  const server = createServer((socket) => serve(socket, answer));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => resolve());
  });
  chmodSync(path, 0o600);
  return server;
}

function serve(socket: Socket, answer: Answerer): void {
  let text = "";
  socket.on("error", () => socket.destroy());
  socket.on("data", (bytes) => {
    text += bytes;
    if (text.length > LONGEST) socket.destroy();
    const end = text.indexOf("\n");
    if (end < 0) return;
    const line = text.slice(0, end);
    text = text.slice(end + 1);
    void (async () => {
      let said: unknown;
      try {
        said = { answer: await answer(JSON.parse(line)) };
      } catch (error) {
        said = { error: (error as Error).message };
      }
      socket.write(`${JSON.stringify(said)}\n`);
    })();
  });
}

/** Nobody answers there. */
export class NoBalancerError extends Error {}

/** Asks once. Throws NoBalancerError, or an Error with what the balancer says is wrong. */
export function ask(path: string, question: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let text = "";
    socket.on("connect", () => socket.write(`${JSON.stringify(question)}\n`));
    socket.on("error", ({ code }: NodeJS.ErrnoException) => reject(new NoBalancerError(code)));
    socket.on("data", (bytes) => {
      text += bytes;
      const end = text.indexOf("\n");
      if (end < 0) return;
      socket.destroy();
      const { answer, error } = JSON.parse(text.slice(0, end)) as { answer?: unknown; error?: string };
      if (error === undefined) resolve(answer);
      else reject(new Error(error));
    });
    socket.on("close", () => reject(new NoBalancerError("closed")));
  });
}
